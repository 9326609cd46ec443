"""Calls of a system's HTTP API, and what of its answers is a failure whatever was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from servicekit.http_calls import Bounds, Call, CallPool, Fault, NotAnswered

from identity.connectors.protocol import SystemAway, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_TIMEOUT_S = 10.0
CONNECTIONS_MAX = 8
BODY_BYTES_MAX = 8 * 1024 * 1024
THROTTLED_S = 60.0
"""How long to leave a system alone that says too much is asked of it, and not for how long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system answered; `document` is None when the body is no JSON."""

    status: int
    document: Any


class SystemCalls:
    """Calls below `base_url`. `start` opens the connection pool."""

    def __init__(self, base_url: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._pool = CallPool(
            Bounds(timeout_s, BODY_BYTES_MAX),
            connections_max=CONNECTIONS_MAX,
            retry_after_default_s=THROTTLED_S,
        )

    async def start(self) -> None:
        """Opens the pool."""
        await self._pool.start()

    async def stop(self) -> None:
        """Closes the pool."""
        await self._pool.stop()

    def problem(self) -> str | None:
        """Why nothing can be asked."""
        return None if self._pool.is_open else "not started"

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
        if not self._pool.is_open:
            raise SystemAway("not started")
        sent = {"content-type": "application/json", **(headers or {})}
        call = Call(method, self._base_url + path, template, headers=sent, body=body or None)
        try:
            answer = await self._pool.ask(call)
        except NotAnswered as failure:
            is_large = failure.code is Fault.TOO_LARGE
            raise SystemAway("body_too_large" if is_large else failure.reason) from None
        if answer.status == 429:
            raise SystemAway("throttled", retry_after_s=answer.retry_after_s)
        if answer.status >= 500:
            raise SystemAway(f"status_{answer.status}")
        return Answer(answer.status, _document(answer.body))


def field_of(document: Any, name: str) -> Any:
    """A field of an answer's document; raises `WriteRefused` for an answer of another shape."""
    if not isinstance(document, dict) or name not in document:
        raise WriteRefused("unexpected_answer")
    return document[name]


def _document(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
