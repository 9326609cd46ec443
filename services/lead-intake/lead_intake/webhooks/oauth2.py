"""The token endpoint for partner systems: `POST /oauth2/token`, client credentials only (RFC 6749, section 4.4; DX-05).

The client's id is `channel/account`, its secret one of the account's signing secrets. Errors are those of section 5.2.
"""

from __future__ import annotations

import base64
import time
from math import ceil
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from servicekit import telemetry
from servicekit.errors import TooLarge, Unavailable
from servicekit.http_host import read_body, send_answer

from lead_intake.verifiers.oauth2_bearer import TOKEN_LIFETIME_S, Oauth2Bearer
from lead_intake.webhooks.answers import JSON, Answer
from lead_intake.webhooks.rate_limits import RateLimits

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from servicekit.http_host import Receive, Scope, Send

    from lead_intake.accounts import Accounts

PATH: Final = "/oauth2/token"
BODY_BYTES_MAX = 8 * 1024
PARAMETERS_MAX = 16
TOKENS_PER_S = 5.0
TOKENS_BURST = 20.0
REFUSALS_PER_S = 50.0
REFUSALS_BURST = 100.0

_UNCACHED: Final = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
_BASIC: Final = (b"www-authenticate", b'Basic realm="leadchain", charset="UTF-8"')
_FORM: Final = b"application/x-www-form-urlencoded"


class TokenEndpoint:
    """Gives short-lived bearer tokens to clients that show a secret; each client has a rate of its own.

    Refusals have a rate too, beyond which they are 429; a right secret is never kept waiting for wrong ones.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._rates = RateLimits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        with telemetry.http_server_span(scope["method"], PATH, scope["headers"]) as span:
            answer = await self._answer(scope, receive)
            span.status(answer.status)
            await send_answer(send, answer.status, answer.body, answer.headers)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return Answer(405, headers=((b"allow", b"POST"),))
        try:
            body = await read_body(receive, BODY_BYTES_MAX)
            client_id, secret = _credentials(scope["headers"], body)
        except TooLarge:
            return Answer(413)
        except Unavailable:
            return Answer(503, headers=((b"retry-after", b"1"),))
        except _BadRequest as bad:
            return _error(400, bad.code)
        return await self._token(client_id, secret)

    async def _token(self, client_id: str, secret: str) -> Answer:
        channel, _, account = client_id.partition("/")
        found = self._accounts.named(channel, account)
        if found is None and channel in self._accounts.channels:
            await self._accounts.look_again()
            found = self._accounts.named(channel, account)
        verifier = found.verifier if found is not None else None
        place = verifier.place_of(secret) if isinstance(verifier, Oauth2Bearer) else None
        if found is None or place is None or not isinstance(verifier, Oauth2Bearer):
            return self._within("refused", REFUSALS_PER_S, REFUSALS_BURST) or _error(
                401, "invalid_client"
            )
        refused = self._within(found.account_id, TOKENS_PER_S, TOKENS_BURST)
        if refused is not None:
            return refused
        given = {
            "access_token": verifier.token(place, now_s=time.time()),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_S,
        }
        return Answer(200, msgspec.json.encode(given), (JSON, *_UNCACHED))

    def _within(self, name: Hashable, per_s: float, burst: float) -> Answer | None:
        now_s = time.monotonic()
        bucket = self._rates.bucket(name, per_s=per_s, burst=burst, now_s=now_s)
        wait_s = bucket.wait_s(now_s)
        if wait_s > 0:
            retry_after = (b"retry-after", str(max(1, ceil(wait_s))).encode())
            return Answer(429, headers=(*_UNCACHED, retry_after))
        bucket.take()
        return None


class _BadRequest(Exception):  # noqa: N818 - errors are named by what is wrong
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _credentials(pairs: Any, body: bytes) -> tuple[str, str]:
    """The client's id and secret, shown in exactly one way; raises `_BadRequest` with the code of RFC 6749."""
    headers = dict(pairs)
    named = [name for name, _ in pairs]
    if named.count(b"authorization") > 1:
        raise _BadRequest("invalid_request")
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != _FORM:
        raise _BadRequest("invalid_request")
    form = _form(body)
    if "grant_type" not in form:
        raise _BadRequest("invalid_request")
    if form["grant_type"] != "client_credentials":
        raise _BadRequest("unsupported_grant_type")
    if form.get("scope"):
        raise _BadRequest("invalid_scope")
    return _shown(headers.get(b"authorization"), form)


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX
        )
    except ValueError as error:
        raise _BadRequest("invalid_request") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _BadRequest("invalid_request")
    return form


def _shown(authorization: bytes | None, form: Mapping[str, str]) -> tuple[str, str]:
    if authorization is None:
        return form.get("client_id", ""), form.get("client_secret", "")
    if "client_secret" in form:
        raise _BadRequest("invalid_request")
    scheme, _, encoded = authorization.partition(b" ")
    try:
        shown = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        shown = ""
    client_id, _, secret = shown.partition(":") if scheme.lower() == b"basic" else ("", "", "")
    return unquote_plus(client_id), unquote_plus(secret)


def _error(status: int, code: str) -> Answer:
    headers = (JSON, *_UNCACHED, *((_BASIC,) if status == 401 else ()))
    return Answer(status, msgspec.json.encode({"error": code}), headers)
