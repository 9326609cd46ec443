"""Address checks: how a vendor makes sure that an address is ours. Answered without storing anything.

Some come as `GET`, some as the first `POST`; each is answered only to whoever holds the account's secrets, except
抖音's, whose check is not known to be signed and whose answer is nothing but the number that was sent.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lead_intake.verifiers.lark import Lark
from lead_intake.verifiers.secret_forms import active
from lead_intake.verifiers.sha1_schemes import (
    WX_TOKEN_CHARS_MIN,
    TencentMeeting,
    is_wx_signed,
)
from lead_intake.verifiers.wx_biz_msg import WxBizMsg
from lead_intake.webhooks.answers import JSON, TEXT, Answer, Refused, sealed_success

if TYPE_CHECKING:
    from collections.abc import Callable

    from lead_intake.accounts import OpenAccount
    from lead_intake.verifiers.protocol import Request

CHALLENGE_LENGTH_MAX = 256
DOUYIN_CHECK_BYTES_MAX = 1024


def answer_check(account: OpenAccount, request: Request) -> Answer:
    """The answer to a `GET`; raises `Refused` with 403 when the check is not right."""
    check = _CHECKS.get(account.channel.door.handshake or "")
    if check is None:
        raise Refused(404, "unknown")
    try:
        echo = check(account, request)
    except Exception as error:
        raise Refused(403, "handshake") from error
    if not echo or len(echo) > CHALLENGE_LENGTH_MAX:
        raise Refused(403, "handshake")
    return Answer(200, echo, (TEXT,))


def answer_unproved(account: OpenAccount, request: Request) -> Answer | None:
    """The answer to a `POST` that proves nothing but checks the address; None when it does not."""
    challenge = _UNPROVED.get(account.channel.door.handshake or "")
    if challenge is None:
        return None
    try:
        found = challenge(account, request)
    except Exception:  # noqa: BLE001 - whatever goes wrong with it, it is no check
        return None
    return None if found is None else Answer(200, _challenge(found), (JSON,))


def answer_proved(account: OpenAccount, request: Request, document: Any) -> Answer | None:
    """The answer to a proved `POST` that checks the address; None when it is a delivery."""
    if not isinstance(document, dict):
        return None
    match account.channel.door.handshake, document:
        case "douyin_challenge", {"event": "verify_webhook", "content": {"challenge": asked}}:
            return Answer(200, _challenge(asked), (JSON,))
        case "lark_challenge", {"type": "url_verification", "challenge": str(asked)}:
            return Answer(200, _challenge(asked), (JSON,))
        case "dingtalk_check_url", {"EventType": str(kind)} if kind.startswith("check_"):
            return sealed_success(account, request)
        case _:
            return None


def _challenge(asked: int | str) -> bytes:
    return msgspec.json.encode({"challenge": asked})


def _hub(account: OpenAccount, request: Request) -> bytes | None:
    query, right = request.query, account.secrets.verify_token
    is_right = hmac.compare_digest(query["hub.verify_token"].encode(), right.encode())
    if not (is_right and right) or query["hub.mode"] != "subscribe":
        return None
    return query["hub.challenge"].encode("ascii")


def _wx(account: OpenAccount, request: Request) -> bytes | None:
    verifier = account.verifier
    if isinstance(verifier, WxBizMsg):
        return verifier.plain_echo(request.query)
    tokens = active(account.secrets.signing, bytes_min=WX_TOKEN_CHARS_MIN)
    return request.query["echostr"].encode() if is_wx_signed(tokens, request.query) else None


def _wx_biz(account: OpenAccount, request: Request) -> bytes | None:
    verifier = account.verifier
    return verifier.echo(request.query) if isinstance(verifier, WxBizMsg) else None


def _tencent(account: OpenAccount, request: Request) -> bytes | None:
    verifier = account.verifier
    if not isinstance(verifier, TencentMeeting):
        return None
    return verifier.echo(request.query["check_str"], request.headers)


def _douyin(_: OpenAccount, request: Request) -> int | None:
    if len(request.raw) > DOUYIN_CHECK_BYTES_MAX or b"x-douyin-signature" in request.headers:
        return None
    asked = msgspec.json.decode(request.raw, type=_DouyinCheck)
    return asked.content.challenge if asked.event == "verify_webhook" else None


def _lark(account: OpenAccount, request: Request) -> str | None:
    verifier = account.verifier
    found = verifier.challenge(request.raw) if isinstance(verifier, Lark) else None
    return found if found is not None and len(found) <= CHALLENGE_LENGTH_MAX else None


class _DouyinChallenge(msgspec.Struct):
    challenge: int


class _DouyinCheck(msgspec.Struct):
    event: str
    content: _DouyinChallenge


_CHECKS: Final[dict[str, Callable[[OpenAccount, Request], bytes | None]]] = {
    "hub": _hub,
    "wx_echo": _wx,
    "wx_biz_echo": _wx_biz,
    "tencent_check_str": _tencent,
}
_UNPROVED: Final[dict[str, Callable[[OpenAccount, Request], int | str | None]]] = {
    "douyin_challenge": _douyin,
    "lark_challenge": _lark,
}
HANDSHAKES: Final = frozenset({*_CHECKS, *_UNPROVED, "dingtalk_check_url"})
"""Every handshake that a channel file may name."""
