"""钉钉 and 飞书: robots that speak in a group, each message signed with the robot's secret."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any

from notification.domain.letters import Style
from notification.senders.calls import NotAnswered
from notification.senders.codes import Codes
from notification.senders.layouts import markdown_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification.domain.letters import Letter
    from notification.domain.sending import Answer
    from notification.senders.calls import Calls
    from notification.senders.envelopes import Envelope

DINGTALK_BYTES_MAX = 18_000
DINGTALK = Codes(good={"0"}, busy={"-1"}, throttled={"130101", "410100"}, gone={"300001", "300005"})
"""310000 (keyword, address or signature) is a robot that is set up otherwise than we are: nobody but a person helps."""

FEISHU = Codes(good={"0"}, busy={"9500"}, throttled={"11232", "99991400"}, gone={"19001", "19002"})
"""9499 is a bad request, 19021 a bad signature or clock, 19024 a missing keyword; 19001 is no such robot."""

_FEISHU_LOCALES = {"zh": "zh_cn", "en": "en_us"}


class DingtalkSender:
    """Markdown by a DingTalk robot."""

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock

    async def send(self, envelope: Envelope) -> Answer:
        """Sends one message once."""
        letter = envelope.letter(Style.MARKDOWN)
        text = markdown_text(letter, bytes_max=DINGTALK_BYTES_MAX)
        document = {"msgtype": "markdown", "markdown": {"title": letter.title, "text": text}}
        query = dingtalk_signature(envelope.address.secret, self._clock())
        try:
            reply = await self._calls.post(
                envelope.address.to, "/robot/send", document=document, query=query
            )
        except NotAnswered as failure:
            return failure.unknown(self._clock())
        return DINGTALK.judge(reply.document.get("errcode"), reply, at=self._clock())


class FeishuSender:
    """A post by a Feishu robot; its parts are data, so nothing in them is markup."""

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock

    async def send(self, envelope: Envelope) -> Answer:
        """Sends one message once."""
        letter = envelope.letter(Style.PLAIN)
        document = {
            **feishu_signature(envelope.address.secret, self._clock()),
            "msg_type": "post",
            "content": {"post": {_FEISHU_LOCALES[letter.locale]: _post(letter)}},
        }
        try:
            reply = await self._calls.post(
                envelope.address.to, "/open-apis/bot/v2/hook", document=document
            )
        except NotAnswered as failure:
            return failure.unknown(self._clock())
        said = reply.document
        code = said.get("code", said.get("StatusCode"))
        return FEISHU.judge(code, reply, at=self._clock())


def dingtalk_signature(secret: str, at: datetime) -> dict[str, str]:
    """`timestamp` (ms) and `sign`: HMAC-SHA256 of timestamp, line feed, secret; nothing where there is no secret."""
    if not secret:
        return {}
    timestamp = str(int(at.timestamp() * 1000))
    digest = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), "sha256")
    return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


def feishu_signature(secret: str, at: datetime) -> dict[str, str]:
    """`timestamp` (s) and `sign`: of nothing, with timestamp, line feed, secret as key; nothing without a secret."""
    if not secret:
        return {}
    timestamp = str(int(at.timestamp()))
    digest = hmac.digest(f"{timestamp}\n{secret}".encode(), b"", "sha256")
    return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


def _post(letter: Letter) -> dict[str, Any]:
    lines: list[list[dict[str, str]]] = []
    for item in letter.items:
        lines.append([{"tag": "text", "text": item.text}])
        lines += [[{"tag": "text", "text": f"{label}: {value}"}] for label, value in item.card]
        if item.url:
            lines.append([{"tag": "a", "text": letter.open_label, "href": item.url}])
    return {"title": letter.title, "content": lines}
