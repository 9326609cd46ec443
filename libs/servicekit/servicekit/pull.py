"""Fetching from a durable consumer: one standing request, so that a message is here as soon as it is stored.

The server pushes up to a batch's worth while the batch before is being handled. What has come meanwhile is the next
batch: batches grow with the load and a lone message does not wait.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from nats.errors import Error as NatsError

from servicekit.deliveries import hand_back, prolong
from servicekit.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

log = structlog.get_logger()

REQUEST_EXPIRES_S = 5.0
"""How long the server keeps a request; afterwards, or when the connection was renewed, it is asked again."""

EXPIRY_MARGIN_S = 1.0
GATHER_MIN_S = 0.05
GATHER_MAX_S = 0.15
GATHER_FOR_EACH_S = 3.0
"""Under flow a batch is gathered for three times as long as the one before took to handle, within these bounds.

A commit costs the same for one message as for fifty; the busier the machine, the larger the batches that share it.
"""

FLOWING_S = 0.1
"""A batch this soon after the one before means flow."""


class PullRefused(Unavailable):
    """The server does not serve the consumer: it, its stream or its leader is gone."""


class Pull:
    """The messages of one durable consumer, in batches of at most `batch_size_max`.

    At most one more batch waits here. The server waits `ack_wait_s` for the answer to a message and then sends it
    again: a message that has waited for a while is prolonged when it is handed out, one that has waited too long is
    left out, for it is on its way again.
    """

    def __init__(
        self,
        client: Client,
        stream: str,
        durable: str,
        *,
        inbox: str,
        batch_size_max: int,
        ack_wait_s: float,
    ) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._durable = durable
        self._inbox = inbox
        self._batch_size_max = batch_size_max
        self._ack_wait_s = ack_wait_s
        self._subscription: Subscription | None = None
        self._waiting: deque[tuple[float, Msg]] = deque()
        self._arrived = asyncio.Event()
        self._filled = asyncio.Event()
        self._requested = 0
        self._asked_at = 0.0
        self._handed_out_at = 0.0
        self._back_at = 0.0
        self._closed = False
        self.is_refused = False

    async def open(self) -> None:
        """Begins to listen; nothing is asked for until the first `next_batch`."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._take)

    async def close(self) -> None:
        """Ends a waiting `next_batch`, listens no more and hands back the messages not yet handed out."""
        self._closed = True
        self._arrived.set()
        self._filled.set()
        if self._subscription is not None and self._client.is_connected:
            await self._subscription.unsubscribe()
        await hand_back(message for _, message in self._waiting)
        self._waiting.clear()

    def ask_again(self) -> None:
        """Forgets the standing request, after the connection or the consumer was renewed."""
        self.is_refused = False
        self._requested = 0
        self._arrived.set()

    async def next_batch(self) -> list[Msg]:
        """The messages that have come, oldest first; waits for one, at most until the request expires.

        Raises `PullRefused`, and goes on to do so until `ask_again`, when the server refuses the request.
        """
        self._back_at = time.monotonic()
        await self._ask()
        if not self._waiting and not self.is_refused:
            await self._wait()
        if 0 < len(self._waiting) < self._batch_size_max:
            await self._gather()
        if self.is_refused and not self._waiting:
            raise PullRefused(f"{self._durable} is not served")
        batch = await self._fresh(min(len(self._waiting), self._batch_size_max))
        if batch:
            # The next batch comes while this one is handled; a refusal is told when that one is asked for.
            with suppress(PullRefused):
                await self._ask()
            self._handed_out_at = time.monotonic()
        return batch

    async def _gather(self) -> None:
        """Lets a batch fill for a while."""
        self._filled.clear()
        try:
            async with asyncio.timeout(self._gather_s()):
                await self._filled.wait()
        except TimeoutError:
            pass

    def _gather_s(self) -> float:
        """How long the next batch is gathered; not at all when nothing came for a while."""
        if time.monotonic() - self._back_at > FLOWING_S:
            return 0.0
        took_s = self._back_at - self._handed_out_at
        return min(max(GATHER_FOR_EACH_S * took_s, GATHER_MIN_S), GATHER_MAX_S)

    async def _fresh(self, size: int) -> list[Msg]:
        """Takes the oldest `size` messages, without those that the server is sending again."""
        now = time.monotonic()
        batch: list[Msg] = []
        old: list[Msg] = []
        for _ in range(size):
            arrived_at, message = self._waiting.popleft()
            age_s = now - arrived_at
            if age_s > 0.9 * self._ack_wait_s:
                continue
            if age_s > 0.1 * self._ack_wait_s:
                old.append(message)
            batch.append(message)
        if old:
            await prolong(old)
        if len(batch) < size:
            log.info("messages_too_old", consumer=self._durable, count=size - len(batch))
        return batch

    async def _ask(self) -> None:
        """Keeps at least half a batch requested; a request that must have expired counts for nothing.

        Without a connection nothing is asked: requests would pile up in the client and be served all at once.
        """
        if time.monotonic() - self._asked_at > REQUEST_EXPIRES_S + EXPIRY_MARGIN_S:
            self._requested = 0
        room = self._batch_size_max - self._requested - len(self._waiting)
        if room <= self._batch_size_max // 2 or self._closed or not self._client.is_connected:
            return
        request = {"batch": room, "expires": int(REQUEST_EXPIRES_S * 1e9)}
        self._requested += room
        self._asked_at = time.monotonic()
        try:
            await self._client.publish(
                self._subject, json.dumps(request).encode(), reply=self._inbox
            )
        except NatsError as error:
            self._requested = 0
            raise PullRefused(f"{self._durable} cannot be asked for") from error

    async def _wait(self) -> None:
        if self._closed:
            await asyncio.sleep(0)
            return
        self._arrived.clear()
        try:
            async with asyncio.timeout(REQUEST_EXPIRES_S):
                await self._arrived.wait()
        except TimeoutError:
            self._requested = 0

    async def _take(self, message: Msg) -> None:
        """Keeps a message; a status, which nobody can acknowledge, ends the standing request."""
        if message.reply.startswith("$JS.ACK."):
            self._requested = max(self._requested - 1, 0)
            self._waiting.append((time.monotonic(), message))
            self._arrived.set()
            if len(self._waiting) >= self._batch_size_max:
                self._filled.set()
        else:
            self._end_request(message.headers or {})

    def _end_request(self, headers: Mapping[str, str]) -> None:
        status, description = headers.get("Status"), headers.get("Description", "")
        if status in {"404", "408"}:
            self.ask_again()
        else:
            log.warning("pull_refused", consumer=self._durable, status=status, reason=description)
            self.is_refused = True
            self._arrived.set()
