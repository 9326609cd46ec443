"""Calls of a system's HTTP API: bounded in time and size, never redirected, only to the configured address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from servicekit import telemetry

from identity.connectors.protocol import SystemAway, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_TIMEOUT_S = 10.0
CONNECTIONS_MAX = 8
BODY_BYTES_MAX = 8 * 1024 * 1024
RETRY_AFTER_S_MAX = 3_600.0
THROTTLED_S = 60.0
"""How long to leave a system alone that says too much is asked of it, and not for how long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system answered; `document` is None when the body is no JSON."""

    status: int
    document: Any
    retry_after_s: float


class SystemCalls:
    """Calls below `base_url`. `start` opens the connection pool."""

    def __init__(self, base_url: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        address = urlsplit(base_url)
        self._host = address.hostname or ""
        self._port = address.port or (443 if address.scheme == "https" else 80)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX), timeout=self._timeout
        )

    async def stop(self) -> None:
        """Closes the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def problem(self) -> str | None:
        """Why nothing can be asked."""
        return None if self._session is not None else "not started"

    async def ask(
        self,
        method: str,
        path: str,
        *,
        template: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call; `template` is the path without keys, for the trace.

        Raises `SystemAway` without an answer, and for one that says to come again; other answers are the caller's.
        """
        sent = {"content-type": "application/json", **(headers or {})}
        with telemetry.http_client_span(method, template, self._host, self._port) as span:
            try:
                answer = await self._sent(method, path, body, sent)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                # The error's own text holds the URL, and with it keys of customers.
                span.fail(type(error).__name__)
                raise SystemAway(type(error).__name__) from None
            span.status(answer.status)
        return _present(answer)

    async def _sent(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        if self._session is None:
            raise SystemAway("not started")
        telemetry.inject_headers(headers)
        async with self._session.request(
            method, self._base_url + path, data=body or None, headers=headers, allow_redirects=False
        ) as response:
            received = bytearray()
            async for chunk in response.content.iter_any():
                received += chunk
                if len(received) > BODY_BYTES_MAX:
                    raise SystemAway("body_too_large")
            retry_after_s = _seconds(response.headers.get("retry-after", ""))
            return Answer(response.status, _document(bytes(received)), retry_after_s)


def field_of(document: Any, name: str) -> Any:
    """A field of an answer's document; raises `WriteRefused` for an answer of another shape."""
    if not isinstance(document, dict) or name not in document:
        raise WriteRefused("unexpected_answer")
    return document[name]


def _present(answer: Answer) -> Answer:
    if answer.status == 429:
        raise SystemAway("throttled", retry_after_s=answer.retry_after_s)
    if answer.status >= 500:
        raise SystemAway(f"status_{answer.status}")
    return answer


def _document(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        return THROTTLED_S
    return min(RETRY_AFTER_S_MAX, float(text))
