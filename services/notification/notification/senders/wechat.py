"""微信服务号: template messages, which only somebody who follows the account gets (AS-02)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification.domain.letters import Style
from notification.senders.access_tokens import AccessTokens
from notification.senders.calls import NotAnswered
from notification.senders.codes import Codes
from notification.senders.layouts import shortened

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification.domain.sending import Answer
    from notification.senders.calls import Calls, Reply
    from notification.senders.envelopes import Envelope

SEND_PATH = "/cgi-bin/message/template/send"
TOKEN_PATH = "/cgi-bin/token"  # noqa: S105 - a path
FIELD_BYTES_MAX = 60
"""A `thing` field of a template shows 20 characters."""

CODES = Codes(
    good={"0"},
    busy={"-1", "40001", "40014", "42001"},
    throttled={"45009", "45011"},
    gone={"40003", "43004"},
)
"""40003: no such openid; 43004: does not follow the account; 43101: refuses this message."""


class WechatSender:
    """One template message; `client_msg_id` keeps the same one from being shown twice."""

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock
        self._tokens = AccessTokens(
            calls,
            TOKEN_PATH,
            lambda a: {
                "grant_type": "client_credential",
                "appid": a.settings["app_id"],
                "secret": a.settings["secret"],
            },
            CODES,
        )

    async def send(self, envelope: Envelope) -> Answer:
        """Sends one message once."""
        account = envelope.from_account
        document = _document(envelope)

        async def call(token: str) -> tuple[Reply, Answer]:
            reply = await self._calls.post(
                account.url.rstrip("/") + SEND_PATH,
                SEND_PATH,
                document=document,
                query={"access_token": token},
            )
            said = reply.document
            message_id = str(said.get("msgid") or "")
            at = self._clock()
            return reply, CODES.judge(said.get("errcode"), reply, at=at, message_id=message_id)

        try:
            return await self._tokens.used(account, call, now=self._clock)
        except NotAnswered as failure:
            return failure.unknown(self._clock())


def _document(envelope: Envelope) -> dict[str, Any]:
    settings = envelope.from_account.settings
    letter = envelope.letter(Style.PLAIN)
    first = letter.items[0]
    fields = {
        settings.get("title_field") or "thing1": letter.title,
        settings.get("text_field") or "thing2": first.text,
    }
    return {
        "touser": envelope.address.to,
        "template_id": settings["template_id"],
        "url": first.url,
        "client_msg_id": envelope.bundle.bundle_id.hex,
        "data": {
            name: {"value": shortened(value, FIELD_BYTES_MAX)} for name, value in fields.items()
        },
    }
