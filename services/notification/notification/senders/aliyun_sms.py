"""阿里云短信: SendSms, signed with ACS3-HMAC-SHA256.

`OutId` comes back in the carrier's receipt; it does not keep the same message from being sent twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from uuid import uuid4

from notification.domain.letters import Style
from notification.domain.sending import Rejected
from notification.senders.calls import NotAnswered
from notification.senders.codes import Codes
from notification.senders.layouts import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from notification.domain.addresses import Account
    from notification.domain.sending import Answer
    from notification.senders.calls import Calls
    from notification.senders.envelopes import Envelope

ACTION, VERSION = "SendSms", "2017-05-25"
ALGORITHM = "ACS3-HMAC-SHA256"
PARAM_BYTES_MAX = 105
"""A template's variable takes 35 characters."""

CODES = Codes(
    good={"OK"},
    busy={"isp.SYSTEM_ERROR", "InternalError", "ServiceUnavailable"},
    throttled={"isv.BUSINESS_LIMIT_CONTROL", "Throttling", "Throttling.User", "Throttling.Api"},
    gone={"isv.MOBILE_NUMBER_ILLEGAL", "isv.BLACK_KEY_CONTROL_LIMIT"},
)


class AliyunSmsSender:
    """One text message by an approved template with the variables `title`, `text` and `code`."""

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock

    async def send(self, envelope: Envelope) -> Answer:
        """Sends one message once."""
        account = envelope.from_account
        query = _query(envelope, account)
        headers = signed_headers(
            account, query, action=(ACTION, VERSION), at=self._clock(), nonce=uuid4().hex
        )
        try:
            reply = await self._calls.post_bytes(
                account.url.rstrip("/") + "/", f"/{ACTION}", body=b"", headers=headers, query=query
            )
        except NotAnswered as failure:
            return failure.unknown(self._clock())
        said = reply.document
        code = said.get("Code")
        if not reply.is_good and code is not None:
            retryable = str(code) in CODES.busy or str(code) in CODES.throttled
            return Rejected(self._clock(), str(code)[:60], retryable=retryable)
        message_id = str(said.get("BizId") or "")
        return CODES.judge(code, reply, at=self._clock(), message_id=message_id)


def signed_headers(
    account: Account,
    query: Mapping[str, str],
    *,
    action: tuple[str, str],
    at: datetime,
    nonce: str,
) -> dict[str, str]:
    """The headers of a call without a body, its signature among them."""
    headers = {
        "host": urlsplit(account.url).netloc,
        "x-acs-action": action[0],
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": action[1],
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            "POST",
            "/",
            "&".join(f"{_quoted(name)}={_quoted(query[name])}" for name in sorted(query)),
            "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers)),
            names,
            headers["x-acs-content-sha256"],
        ]
    )
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = account.settings["access_key_secret"].encode()
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = account.settings["access_key_id"]
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"
    )
    return headers


def _query(envelope: Envelope, account: Account) -> dict[str, str]:
    letter = envelope.letter(Style.PLAIN)
    first = letter.items[0]
    variables = {
        "title": shortened(letter.title, PARAM_BYTES_MAX),
        "text": shortened(first.text, PARAM_BYTES_MAX),
        "code": first.url.rpartition("/")[2],
    }
    return {
        "PhoneNumbers": envelope.address.to.removeprefix("+86"),
        "SignName": account.settings["sign_name"],
        "TemplateCode": account.settings["template_code"],
        "TemplateParam": json.dumps(variables, ensure_ascii=False, separators=(",", ":")),
        "OutId": str(envelope.bundle.bundle_id),
    }


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
