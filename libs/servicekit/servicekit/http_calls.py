"""Calls of another's HTTP API: bounded in time and size, without cookies, and never redirected.

What fails is told by a code and the name of an error's type. The texts of HTTP clients hold the URL, and with it keys
of customers and tokens, so they go nowhere: not into an error, not into a trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from servicekit.telemetry import http_client_span, inject_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.abc import AbstractResolver

    from servicekit.telemetry import HttpSpan

USER_AGENT: Final = "leadchain"
RETRY_AFTER_S_MAX: Final = 3_600.0
_RETRY_AFTER_DIGITS_MAX = 8


class Fault(StrEnum):
    """Why there is no answer."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TOO_LARGE = "too_large"


class NotAnswered(Exception):  # noqa: N818 - errors are named by what is wrong
    """No whole answer came; whether the request was acted on is not known.

    `reason` is the name of the error's type. `head` is what came before a body that was too large.
    """

    def __init__(self, code: Fault, reason: str, *, head: Answer | None = None) -> None:
        super().__init__(code.value)
        self.code = code
        self.reason = reason
        self.head = head


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a call may take, from its name being resolved to its body's end, and how large its answer may be."""

    deadline_s: float
    body_bytes_max: int


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `url` is sent as it is, for signatures cover it; `query` is encoded, and replaces what it names.

    `template` is the path without ids and keys, for the trace.
    """

    method: str
    url: str
    template: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, whatever the status; `retry_after_s` is how long the other wants to be left alone."""

    status: int
    body: bytes
    retry_after_s: float


class CallPool:
    """Connections that are kept open between calls. `start` opens the pool.

    `bounds` are those of calls that name none. `retry_after_default_s` stands where an answer says nothing of it, or
    a date; `resolver` makes what turns names into addresses.
    """

    def __init__(
        self,
        bounds: Bounds,
        *,
        connections_max: int,
        retry_after_default_s: float = 0.0,
        resolver: Callable[[], AbstractResolver] | None = None,
    ) -> None:
        self._bounds = bounds
        self._connections_max = connections_max
        self._retry_after_default_s = retry_after_default_s
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Makes ready to call."""
        resolver = self._resolver() if self._resolver is not None else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections_max, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"user-agent": USER_AGENT},
        )

    async def stop(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._session is not None

    async def ask(self, call: Call, *, bounds: Bounds | None = None) -> Answer:
        """Makes a call once; raises `NotAnswered`."""
        target, host, port = _target(call)
        with http_client_span(call.method, call.template, host, port) as span:
            try:
                return await self._sent(call, target, bounds or self._bounds, span)
            except NotAnswered as failure:
                failed = failure
            except (aiohttp.ClientError, OSError, ValueError) as error:
                failed = _failure(error)
            span.fail(failed.reason)
            # Raised here and not above, where the error with the URL would become its context.
            raise failed

    async def _sent(self, call: Call, target: URL, bounds: Bounds, span: HttpSpan) -> Answer:
        if self._session is None:
            raise ConnectionError("the pool has not been started")
        headers = dict(call.headers)
        inject_headers(headers)
        async with self._session.request(
            call.method,
            target,
            data=call.body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=bounds.deadline_s),
        ) as response:
            span.status(response.status)
            retry_after_s = self._retry_after_s(response.headers.get("retry-after", ""))
            body = await _body(response.content, bounds.body_bytes_max)
        if body is None:
            head = Answer(response.status, b"", retry_after_s)
            raise NotAnswered(Fault.TOO_LARGE, Fault.TOO_LARGE.value, head=head)
        return Answer(response.status, body, retry_after_s)

    def _retry_after_s(self, text: str) -> float:
        is_count = text.isascii() and text.isdecimal() and len(text) <= _RETRY_AFTER_DIGITS_MAX
        return min(RETRY_AFTER_S_MAX, float(text)) if is_count else self._retry_after_default_s


async def _body(content: aiohttp.StreamReader, bytes_max: int) -> bytes | None:
    """All of a body, so that its connection can be used again; None for one over `bytes_max`."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > bytes_max:
            return None
    return bytes(body)


def _target(call: Call) -> tuple[URL, str, int]:
    """The whole address, its host and its port; raises `NotAnswered` for what is none."""
    try:
        target = URL(call.url, encoded=True)
        target = target.update_query(call.query) if call.query else target
        address = target, target.host or "", target.port or 0
    except ValueError as error:
        failed = _failure(error)
    else:
        return address
    raise failed


def _failure(error: Exception) -> NotAnswered:
    code = Fault.TIMEOUT if isinstance(error, TimeoutError) else Fault.UNREACHABLE
    return NotAnswered(code, type(error).__name__)
