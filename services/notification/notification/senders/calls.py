"""Calls of providers over HTTP, only to addresses that we may reach, and their answers as JSON."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from servicekit import http_calls
from servicekit.http_calls import Bounds, Call, CallPool, Fault

from notification.domain.addresses import is_loopback, is_public
from notification.domain.reminders import Reason
from notification.domain.sending import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DEADLINE_S = 3.0
ANSWER_BYTES_MAX = 64 * 1024
CONNECTIONS_MAX = 64


class NotAnswered(Exception):  # noqa: N818 - errors are named by what is wrong
    """No answer came; whether the message was taken is not known."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def unknown(self, at: datetime) -> Unknown:
        """The answer that this is."""
        return Unknown(at, self.reason, self.detail)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered. `document` is its JSON object, empty where it sent none."""

    status: int
    document: Mapping[str, Any]
    retry_after_s: float

    @property
    def is_good(self) -> bool:
        """Whether the transport was good; what the provider means is in the document."""
        return 200 <= self.status < 300


class Calls:
    """One pool of kept-alive connections for every provider. `start` opens it."""

    def __init__(self, *, deadline_s: float = DEADLINE_S) -> None:
        self._pool = CallPool(
            Bounds(deadline_s, ANSWER_BYTES_MAX),
            connections_max=CONNECTIONS_MAX,
            resolver=PublicResolver,
        )

    async def start(self) -> None:
        """Makes ready to call."""
        await self._pool.start()

    async def stop(self) -> None:
        """Closes the connections."""
        await self._pool.stop()

    async def get(self, url: str, template: str, *, query: Mapping[str, str]) -> Reply:
        """A GET; `template` names the call in traces, without ids or keys. Raises `NotAnswered`."""
        return await self._ask(Call("GET", url, template, query))

    async def post(
        self,
        url: str,
        template: str,
        *,
        document: object = None,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """A POST of a JSON document; raises `NotAnswered`."""
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return await self.post_bytes(url, template, body=body, headers={}, query=query)

    async def post_bytes(
        self,
        url: str,
        template: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """A POST of a body that is ready; raises `NotAnswered`."""
        named = {"content-type": "application/json", **headers}
        return await self._ask(Call("POST", url, template, query or {}, named, body))

    async def _ask(self, call: Call) -> Reply:
        try:
            answer = await self._pool.ask(call)
        except http_calls.NotAnswered as failure:
            if failure.head is None:
                raise _not_answered(failure) from None
            # A page where a code was expected: its status says whether it was taken.
            answer = failure.head
        return Reply(answer.status, _document(answer.body), answer.retry_after_s)


class PublicResolver(AbstractResolver):
    """Names to addresses, without those that reminders may not reach, whatever a name says."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The usable addresses of a host; raises `OSError` when there is none."""
        async with asyncio.timeout(DEADLINE_S):
            found = await self._resolver.resolve(host, port, family)
        usable = [place for place in found if is_loopback(host) or is_public(place["host"])]
        if not usable:
            raise OSError("the name leads to no address that reminders may reach")
        return usable

    async def close(self) -> None:
        """Nothing is held."""


def _not_answered(failure: http_calls.NotAnswered) -> NotAnswered:
    if failure.code is Fault.TIMEOUT:
        return NotAnswered(Reason.TIMEOUT, "no answer in time")
    return NotAnswered(Reason.UNREACHABLE, failure.reason)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
