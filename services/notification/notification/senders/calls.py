"""Calls of providers over HTTP: bounded in time and size, never redirected, only to addresses that we may reach."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from servicekit.telemetry import http_client_span, inject_headers
from yarl import URL

from notification.domain.addresses import is_loopback, is_public
from notification.domain.reminders import Reason
from notification.domain.sending import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DEADLINE_S = 3.0
ANSWER_BYTES_MAX = 64 * 1024
CONNECTIONS_MAX = 64
RETRY_AFTER_S_MAX = 3600.0


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
    """One pool of kept-alive connections for every provider, without cookies. `start` opens it."""

    def __init__(self, *, deadline_s: float = DEADLINE_S) -> None:
        self._timeout = aiohttp.ClientTimeout(total=deadline_s)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Makes ready to call."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, resolver=PublicResolver())
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers={"user-agent": "leadchain"},
        )

    async def stop(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, url: str, template: str, *, query: Mapping[str, str]) -> Reply:
        """A GET; `template` names the call in traces, without ids or keys. Raises `NotAnswered`."""
        return await self._ask("GET", url, template, params=dict(query), headers={})

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
        given: dict[str, Any] = {"data": body, "headers": named}
        return await self._ask("POST", url, template, params=dict(query or {}), **given)

    async def _ask(self, method: str, url: str, template: str, **request: Any) -> Reply:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            with http_client_span(method, template, host, port) as span:
                inject_headers(request["headers"])
                reply = await self._sent(method, url, request)
                span.status(reply.status)
                return reply
        except TimeoutError:
            raise NotAnswered(Reason.TIMEOUT, "no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The error's own text holds the URL, and with it keys.
            raise NotAnswered(Reason.UNREACHABLE, type(error).__name__) from None

    async def _sent(self, method: str, url: str, request: dict[str, Any]) -> Reply:
        if self._session is None:
            raise ConnectionError("the calls have not been started")
        query = request.pop("params")
        target = URL(url, encoded=True)
        if query:
            target = target.update_query(query)
        async with self._session.request(
            method, target, allow_redirects=False, **request
        ) as response:
            # A short answer is read to its end, so that the connection can be used again.
            body = await response.content.read(ANSWER_BYTES_MAX)
            retry_after_s = _seconds(response.headers.get("retry-after", ""))
            return Reply(response.status, _document(body), retry_after_s)


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


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        return 0.0
    return min(RETRY_AFTER_S_MAX, float(text))
