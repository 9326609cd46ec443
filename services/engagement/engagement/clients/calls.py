"""Calls of another's HTTP API below the address of the settings, and what of its answers is no use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from servicekit import http_calls

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_TIMEOUT_S = 5.0
CONNECTIONS_MAX = 8
BODY_BYTES_MAX = 4 * 1024 * 1024


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
        bounds = http_calls.Bounds(timeout_s, BODY_BYTES_MAX)
        self._pool = http_calls.CallPool(bounds, connections_max=CONNECTIONS_MAX)

    async def start(self) -> None:
        """Opens the pool of connections."""
        await self._pool.start()

    async def stop(self) -> None:
        """Closes it."""
        await self._pool.stop()

    def problem(self) -> str | None:
        """None: who is called may be away, and the service goes on."""
        return None

    async def ask(self, call: Call) -> Answer:
        """Makes a call once; raises `NotAnswered`, also for a status that is not good."""
        try:
            answer = await self._pool.ask(self._request(call))
        except http_calls.NotAnswered as failure:
            is_permanent = failure.code is http_calls.Fault.TOO_LARGE
            raise NotAnswered(failure.code.value, is_permanent=is_permanent) from None
        return _good(Answer(answer.status, _document(answer.body), answer.retry_after_s))

    def _request(self, call: Call) -> http_calls.Call:
        url = self._base_url + call.path
        if call.document is None:
            return http_calls.Call(call.method, url, call.template, call.query, call.headers)
        headers = {"content-type": "application/json", **call.headers}
        body = msgspec.json.encode(call.document)
        return http_calls.Call(call.method, url, call.template, call.query, headers, body)


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
