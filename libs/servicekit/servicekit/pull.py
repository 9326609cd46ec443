"""Fetching from a durable consumer: one standing request, so that a message is here as soon as it is stored.

The server pushes up to a batch's worth while the batch before is being handled. What has come meanwhile is the next
batch: batches grow with the load and a lone message does not wait.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

log = structlog.get_logger()

REQUEST_EXPIRES_S = 5.0
"""How long the server keeps a request; afterwards, or when the connection was renewed, it is asked again."""

EXPIRY_MARGIN_S = 1.0
GATHER_S = 0.02
"""Under flow, how long a batch is gathered: a commit costs the same for one message as for fifty."""

FLOWING_S = 0.1
"""A batch this soon after the one before means flow."""


class Pull:
    """The messages of one durable consumer, in batches of at most `batch_size_max`."""

    def __init__(
        self, client: Client, stream: str, durable: str, *, inbox: str, batch_size_max: int
    ) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._durable = durable
        self._inbox = inbox
        self._batch_size_max = batch_size_max
        self._subscription: Subscription | None = None
        self._waiting: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._requested = 0
        self._asked_at = 0.0
        self._last_batch_at = 0.0
        self._closed = False

    async def open(self) -> None:
        """Begins to listen; nothing is asked for until the first `next_batch`."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._take)

    async def close(self) -> None:
        """Ends a waiting `next_batch` and listens no more; messages not yet handed out come again."""
        self._closed = True
        self._arrived.set()
        if self._subscription is not None and self._client.is_connected:
            await self._subscription.unsubscribe()

    def ask_again(self) -> None:
        """Forgets the standing request, after the connection was renewed or the request was refused."""
        self._requested = 0
        self._arrived.set()

    async def next_batch(self) -> list[Msg]:
        """The messages that have come, oldest first; waits for one, at most until the request expires."""
        await self._ask()
        if not self._waiting:
            await self._wait(REQUEST_EXPIRES_S)
        elif len(self._waiting) < self._batch_size_max and self._is_flowing():
            await asyncio.sleep(GATHER_S)
        size = min(len(self._waiting), self._batch_size_max)
        batch = [self._waiting.popleft() for _ in range(size)]
        if batch:
            self._last_batch_at = time.monotonic()
        return batch

    def _is_flowing(self) -> bool:
        return time.monotonic() - self._last_batch_at < FLOWING_S

    async def _ask(self) -> None:
        """Keeps at least half a batch requested; a request that must have expired counts for nothing."""
        if time.monotonic() - self._asked_at > REQUEST_EXPIRES_S + EXPIRY_MARGIN_S:
            self._requested = 0
        room = self._batch_size_max - self._requested - len(self._waiting)
        if self._closed or room <= self._batch_size_max // 2:
            return
        request = {"batch": room, "expires": int(REQUEST_EXPIRES_S * 1e9)}
        self._requested += room
        self._asked_at = time.monotonic()
        await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox)

    async def _wait(self, timeout_s: float) -> None:
        self._arrived.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
            self._requested = 0

    async def _take(self, message: Msg) -> None:
        """Keeps a message; a status message (an answer without data) ends the standing request."""
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is None:
            self._requested = max(self._requested - 1, 0)
            self._waiting.append(message)
            self._arrived.set()
        elif status in {"404", "408"}:
            self.ask_again()
        else:
            await self._refused(message, status)

    async def _refused(self, message: Msg, status: str) -> None:
        """The consumer or its stream is gone, or the server is busy: asks again when the request has expired."""
        description = (message.headers or {}).get("Description", "")
        log.warning("pull_refused", consumer=self._durable, status=status, reason=description)
        self._asked_at = time.monotonic()
