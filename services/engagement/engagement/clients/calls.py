"""Calls of another's HTTP API: bounded in time and size, never redirected, only to the address of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from servicekit.telemetry import http_client_span, inject_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_TIMEOUT_S = 5.0
CONNECTIONS_MAX = 8
BODY_BYTES_MAX = 4 * 1024 * 1024
RETRY_AFTER_S_MAX = 3600.0


class NotAnswered(Exception):  # noqa: N818 - errors are named by what is wrong
    """No usable answer; `code` is short and holds nothing of the request.

    `is_permanent` when the same call would fail again; `retry_after_s` is how long the other wants to be left alone.
    """

    def __init__(
        self, code: str, *, is_permanent: bool = False, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(code)
        self.code = code
        self.is_permanent = is_permanent
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Call:
    """One call below the base address; `template` names it in traces, without ids and keys."""

    method: str
    path: str
    template: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    document: object = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer; `document` is its JSON object, empty where it sent none."""

    status: int
    document: Mapping[str, Any]
    retry_after_s: float


class HttpCalls:
    """Calls below `base_url`. A part of a service."""

    def __init__(self, name: str, base_url: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        address = urlsplit(base_url)
        self._host = address.hostname or ""
        self._port = address.port or (443 if address.scheme == "https" else 80)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the pool of connections."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )

    async def stop(self) -> None:
        """Closes it."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def problem(self) -> str | None:
        """None: who is called may be away, and the service goes on."""
        return None

    async def ask(self, call: Call) -> Answer:
        """Makes a call once; raises `NotAnswered`, also for a status that is not good."""
        with http_client_span(call.method, call.template, self._host, self._port) as span:
            try:
                answer = await self._sent(call)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                # The error's own text holds the URL, and with it keys.
                span.fail(type(error).__name__)
                code = "timeout" if isinstance(error, TimeoutError) else "unreachable"
                raise NotAnswered(code) from None
            span.status(answer.status)
        return _good(answer)

    async def _sent(self, call: Call) -> Answer:
        if self._session is None:
            raise ConnectionError("the calls have not been started")
        headers = {"user-agent": "leadchain", **call.headers}
        inject_headers(headers)
        async with self._session.request(
            call.method,
            self._base_url + call.path,
            params=dict(call.query),
            headers=headers,
            json=call.document,
            allow_redirects=False,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise NotAnswered("too_large", is_permanent=True)
            retry_after_s = _seconds(response.headers.get("retry-after", ""))
            return Answer(response.status, _document(bytes(body)), retry_after_s)


def _good(answer: Answer) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    is_permanent = answer.status < 500 and answer.status not in {408, 425, 429}
    code = "throttled" if answer.status == 429 else f"status_{answer.status}"
    raise NotAnswered(code, is_permanent=is_permanent, retry_after_s=answer.retry_after_s)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        return 0.0
    return min(RETRY_AFTER_S_MAX, float(text))
