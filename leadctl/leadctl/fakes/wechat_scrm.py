"""A stand-in for 企业微信's remarks of external contacts: a token first, answers always 200 with an errcode."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from servicekit.http_host import Receive, Scope, Send, read_body, send_answer

BODY_BYTES_MAX = 64 * 1024
JSON = (b"content-type", b"application/json")
TOKEN_PATH, REMARK_PATH = "/cgi-bin/gettoken", "/cgi-bin/externalcontact/remark"
TOKEN_INVALID, NOT_A_CONTACT = 42001, 84061


@dataclass
class FakeWeChatScrm:
    """The API as an ASGI application. `codes` are the errcodes of the next remarks; `remarks` are what was set.

    Every `gettoken` with the right secret gives a new token and ends the one before.
    """

    corporation: str
    secret: str
    contacts: set[tuple[str, str]] = field(default_factory=set)
    codes: list[int] = field(default_factory=list)
    remarks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    token_count: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        body = await read_body(receive, BODY_BYTES_MAX)
        asked = {
            name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()
        }
        document = self._answer(scope["path"], asked, body)
        await send_answer(send, 200, json.dumps(document).encode(), [JSON])

    def _answer(self, path: str, asked: dict[str, str], body: bytes) -> dict[str, Any]:
        if path == TOKEN_PATH:
            return self._token(asked)
        if asked.get("access_token") != f"token-{self.token_count}":
            return {"errcode": TOKEN_INVALID}
        if path != REMARK_PATH or self.codes:
            return {"errcode": self.codes.pop(0) if self.codes else 40066}
        return {"errcode": self._remark(json.loads(body))}

    def _token(self, asked: dict[str, str]) -> dict[str, Any]:
        if (asked.get("corpid"), asked.get("corpsecret")) != (self.corporation, self.secret):
            return {"errcode": 40001}
        self.token_count += 1
        return {
            "errcode": 0, "access_token": f"token-{self.token_count}", "expires_in": 7200,
        }  # fmt: skip

    def _remark(self, document: dict[str, Any]) -> int:
        contact = (document.pop("userid"), document.pop("external_userid"))
        if contact not in self.contacts:
            return NOT_A_CONTACT
        self.remarks.setdefault(contact, {}).update(document)
        return 0
