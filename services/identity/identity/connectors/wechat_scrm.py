"""A door like that of 企业微信's external contacts: a token first, answers always 200 with an errcode.

Told are the owner's remarks about a contact; what changed comes to us by its callbacks, so nothing is asked. The key of
a row is `userid/external_userid`: a remark is one member's about one contact.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from identity.connectors.calls import SystemCalls, field_of
from identity.connectors.protocol import Page, SystemAway, Write, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN_PATH, REMARK_PATH = "/cgi-bin/gettoken", "/cgi-bin/externalcontact/remark"
TOKEN_LEFT_S = 300.0
"""A token that ends within this time is renewed."""

TOKEN_CODES = frozenset({40001, 40014, 42001})
BUSY_CODES = frozenset({-1, 45009, 45033, 6000})
LISTS = frozenset({"remark_mobiles"})


class WeChatScrmConnector:
    """One corporation's external contacts; `secret` is the corporation's id, a colon and its secret.

    `clock_s` gives seconds that only grow.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        secret: str,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"connector {system}"
        self._corporation, _, self._secret = secret.partition(":")
        self._clock_s = clock_s
        self._calls = SystemCalls(base_url)
        self._token, self._token_until_s = "", 0.0

    async def start(self) -> None:
        """Opens the connection pool."""
        await self._calls.start()

    async def stop(self) -> None:
        """Closes it."""
        await self._calls.stop()

    def problem(self) -> str | None:
        """Why nothing can be asked."""
        return self._calls.problem()

    async def changed_since(self, asked_until: str) -> Page:
        """Nothing: changes come by callbacks."""
        return Page((), asked_until, has_more=False)

    async def write(self, write: Write) -> str:
        """Sets remarks, which is idempotent by itself; there are no versions. Raises `ConnectorFailed`."""
        member, _, contact = write.key.partition("/")
        if not contact:
            raise WriteRefused("key_without_member")
        remarks = {
            name: value.split(",") if name in LISTS else value
            for name, value in write.fields.items()
        }
        document = {"userid": member, "external_userid": contact, **remarks}
        code = await self._posted(REMARK_PATH, document)
        if code in TOKEN_CODES:
            self._token_until_s = 0.0
            code = await self._posted(REMARK_PATH, document)
        _check(code)
        return ""

    async def _posted(self, path: str, document: dict[str, Any]) -> int:
        query = urlencode({"access_token": await self._fresh_token()})
        body = msgspec.json.encode(document)
        answer = await self._calls.ask("POST", f"{path}?{query}", template=path, body=body)
        return _code(answer.document)

    async def _fresh_token(self) -> str:
        if self._clock_s() >= self._token_until_s:
            query = urlencode({"corpid": self._corporation, "corpsecret": self._secret})
            answer = await self._calls.ask("GET", f"{TOKEN_PATH}?{query}", template=TOKEN_PATH)
            if _code(answer.document):
                raise SystemAway("token_refused")
            self._token = str(field_of(answer.document, "access_token"))
            lifetime_s = min(7_200.0, float(field_of(answer.document, "expires_in")))
            self._token_until_s = self._clock_s() + lifetime_s - TOKEN_LEFT_S
        return self._token


def _code(document: Any) -> int:
    code = document.get("errcode") if isinstance(document, dict) else None
    if not isinstance(code, int):
        raise SystemAway("unexpected_answer")
    return code


def _check(code: int) -> None:
    """Raises what an errcode other than 0 means."""
    if code in BUSY_CODES or code in TOKEN_CODES:
        raise SystemAway(f"errcode_{code}")
    if code:
        raise WriteRefused(f"errcode_{code}")
