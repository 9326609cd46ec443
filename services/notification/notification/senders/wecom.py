"""企业微信: messages of an application of ours to one person, and of a robot to a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification.domain.letters import Style
from notification.domain.sending import Accepted, Rejected
from notification.senders.access_tokens import AccessTokens
from notification.senders.calls import NotAnswered
from notification.senders.codes import Codes
from notification.senders.layouts import markdown_text, shortened

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification.domain.letters import Letter
    from notification.domain.sending import Answer
    from notification.senders.calls import Calls, Reply
    from notification.senders.envelopes import Envelope

SEND_PATH = "/cgi-bin/message/send"
TOKEN_PATH = "/cgi-bin/gettoken"  # noqa: S105 - a path
TITLE_BYTES_MAX, TEXT_BYTES_MAX = 128, 512
MARKDOWN_BYTES_MAX = 2048
ROBOT_BYTES_MAX = 4096
SAME_FOR_S = 1800
"""Within which WeCom shows a message of the same content once."""

CODES = Codes(
    good={"0"},
    busy={"-1", "40001", "40014", "42001"},
    throttled={"45009", "45033"},
    gone={"60111", "81013", "93000"},
)
"""45009: too many calls; 45033: too many at once; 60111: no such user; 81013: none of the users is ours; 93000: no such
robot."""


class WecomAppSender:
    """A text card for one reminder, Markdown for several, through an application's access token."""

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock
        self._tokens = AccessTokens(
            calls,
            TOKEN_PATH,
            lambda a: {"corpid": a.settings["corp_id"], "corpsecret": a.settings["secret"]},
            CODES,
        )

    async def send(self, envelope: Envelope) -> Answer:
        """Sends one message once."""
        account = envelope.from_account
        document = {
            "touser": envelope.address.to,
            "agentid": account.settings["agent_id"],
            "enable_duplicate_check": 1,
            "duplicate_check_interval": SAME_FOR_S,
            **_content(envelope.letter(Style.MARKDOWN)),
        }

        async def call(token: str) -> tuple[Reply, Answer]:
            reply = await self._calls.post(
                account.url.rstrip("/") + SEND_PATH,
                SEND_PATH,
                document=document,
                query={"access_token": token},
            )
            return reply, self._judged(reply, envelope.address.to)

        try:
            return await self._tokens.used(account, call, now=self._clock)
        except NotAnswered as failure:
            return failure.unknown(self._clock())

    def _judged(self, reply: Reply, user: str) -> Answer:
        """An `errcode` of 0 that lists the user among `invaliduser` reached nobody."""
        said = reply.document
        answer = CODES.judge(
            said.get("errcode"), reply, at=self._clock(), message_id=str(said.get("msgid") or "")
        )
        if isinstance(answer, Accepted) and _lists(said.get("invaliduser"), user):
            return Rejected(self._clock(), "invaliduser", retryable=False, is_gone=True)
        if isinstance(answer, Accepted) and _lists(said.get("unlicenseduser"), user):
            return Rejected(self._clock(), "unlicenseduser", retryable=False)
        return answer


class WecomBotSender:
    """Markdown in a group, by a robot's own address."""

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock

    async def send(self, envelope: Envelope) -> Answer:
        """Sends one message once."""
        content = markdown_text(envelope.letter(Style.MARKDOWN), bytes_max=ROBOT_BYTES_MAX)
        document = {"msgtype": "markdown", "markdown": {"content": content}}
        try:
            reply = await self._calls.post(
                envelope.address.to, "/cgi-bin/webhook/send", document=document
            )
        except NotAnswered as failure:
            return failure.unknown(self._clock())
        return CODES.judge(reply.document.get("errcode"), reply, at=self._clock())


def _content(letter: Letter) -> dict[str, Any]:
    first = letter.items[0]
    if len(letter.items) > 1 or not first.url:
        text = markdown_text(letter, bytes_max=MARKDOWN_BYTES_MAX)
        return {"msgtype": "markdown", "markdown": {"content": text}}
    lines = [first.text, *(f"{label}: {value}" for label, value in first.card)]
    card = {
        "title": shortened(letter.title, TITLE_BYTES_MAX),
        "description": shortened("\n".join(lines), TEXT_BYTES_MAX),
        "url": first.url,
        "btntxt": letter.open_label,
    }
    return {"msgtype": "textcard", "textcard": card}


def _lists(users: object, user: str) -> bool:
    """Whether `a|b|c` names a user; WeCom ignores case."""
    return user.lower() in str(users or "").lower().split("|")
