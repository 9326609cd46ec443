"""A recipient's system as notification sees it: one signed POST that is taken or not (Standard Webhooks)."""

from __future__ import annotations

import asyncio
import base64
import hmac
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from servicekit.telemetry import http_client_span, inject_headers

from notification.domain import NotTaken, Reason, Taken, is_loopback, is_public

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from notification.domain import Recipient

DEADLINE_S = 3.0
ANSWER_BYTES_MAX = 64 * 1024
CONNECTIONS_MAX = 64
GONE = 410


class WebhookClient:
    """Posts webhooks over kept-alive connections; follows no redirect and keeps no cookie.

    `clock` tells when an answer came. Between `start` and `stop` it holds connections open.
    """

    def __init__(self, clock: Callable[[], datetime], *, deadline_s: float = DEADLINE_S) -> None:
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=deadline_s)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Makes ready to post."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, resolver=PublicResolver())
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers={"content-type": "application/json", "user-agent": "leadchain"},
        )

    async def stop(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, recipient: Recipient, webhook_id: UUID, body: bytes) -> Taken | NotTaken:
        """Posts a body once; whatever happens is an answer, given within the deadline."""
        try:
            status = await self._status(recipient, webhook_id, body)
        except TimeoutError:
            return NotTaken(self._clock(), Reason.TIMEOUT, "no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return NotTaken(self._clock(), Reason.UNREACHABLE, type(error).__name__)
        if 200 <= status < 300:
            return Taken(self._clock())
        return NotTaken(self._clock(), Reason.REFUSED, f"http {status}", gone=status == GONE)

    async def _status(self, recipient: Recipient, webhook_id: UUID, body: bytes) -> int:
        if self._session is None:
            raise ConnectionError("the webhook client has not been started")
        headers = _signed(recipient.secret, str(webhook_id), self._clock(), body)
        host, port = _place(recipient.webhook_url)
        with http_client_span("POST", "reminders", host, port) as span:
            inject_headers(headers)
            async with self._session.post(
                recipient.webhook_url, data=body, headers=headers, allow_redirects=False
            ) as response:
                span.status(response.status)
                # A short answer is read to its end, so that the connection can be used again.
                await response.content.read(ANSWER_BYTES_MAX)
                return response.status


class PublicResolver(AbstractResolver):
    """Names to addresses, without those that a webhook may not reach, whatever a name says."""

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
            raise OSError("the name leads to no address that webhooks may reach")
        return usable

    async def close(self) -> None:
        """Nothing is held."""


def signature(secret: bytes, webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """The `webhook-signature` of a body: HMAC-SHA256 of `id.timestamp.body`, scheme v1."""
    signed = b"%b.%d.%b" % (webhook_id.encode(), timestamp_s, body)
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def _signed(secret: bytes, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    timestamp_s = int(at.timestamp())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(secret, webhook_id, timestamp_s, body),
    }


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
