"""The relay: publishes the outbox to JetStream, in order, in atomic batches.

A batch costs the server one fsync however many messages it holds. Rows are marked after the server's acknowledgement,
so a crash in between publishes them again under the same message id, which the server drops and the inbox would.
"""

from __future__ import annotations

import asyncio
import json
import uuid
import zlib
from typing import TYPE_CHECKING

import structlog
from nats.errors import Error as NatsError

from servicekit import metrics, outbox, telemetry
from servicekit.errors import Unavailable
from servicekit.events import headers_of, stream_of, subject_of
from servicekit.frames import frame, write_frames
from servicekit.polling import Poller

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import asyncpg
    from nats.aio.client import Client

    from servicekit.database import Database
    from servicekit.events import OutgoingEvent

log = structlog.get_logger()

BATCH_SIZE_MAX = 1000
"""Messages in one atomic batch; the server refuses more (error 10199)."""

BATCH_BYTES_MAX = 8_000_000
"""Payload after which a batch is full: what this process and the server hold in memory for it."""

WRITTEN_AT_ONCE = 100
"""Messages put on the wire together, 7 µs each, before others of the process have a turn."""

PUBLISH_TIMEOUT_S = 10.0
IDLE_S = 0.25
"""Seconds between looks that nobody asked for: at what a replica left that ended between its commit and its word."""

CHANNEL = "outbox"
"""Where a replica that may not publish tells the one that may of its commits."""

DUPLICATE_IN_BATCH = 10201
"""The server's error for a batch that holds a message id it has seen."""


class PublishRefused(Unavailable):
    """JetStream did not store a batch; the rows stay in the outbox and are tried again."""


class Relay:
    """Publishes one service's outbox. A part of a service.

    Of several replicas the one that holds the database's advisory lock works, so that order is kept. `connect` gives
    the NATS client. A new event leaves when its commit wakes the relay: in the same process at once, in another by a
    notification after the commit, for one inside would make writers wait for each other. `idle_s` is the time after
    which the relay looks without being told.
    """

    name = "relay"

    def __init__(
        self, database: Database, connect: Callable[[], Client], *, idle_s: float = IDLE_S
    ) -> None:
        self._database = database
        self._connect = connect
        self._poller = Poller(self.name, self._step, idle_s=idle_s)
        self._raw: asyncpg.Connection | None = None
        self._has_lock = False
        self._has_news = False
        self._lock_key = zlib.crc32(b"leadchain-outbox-relay")
        database.on_publish.append(self._note_commit)

    async def start(self) -> None:
        """Starts publishing."""
        await self._poller.start()

    async def stop(self) -> None:
        """Ends the running batch and gives the lock up."""
        await self._poller.stop()
        self._hang_up()

    def problem(self) -> str | None:
        """None: what cannot leave waits in the outbox, whose age has an alarm, and the service serves on."""
        return None

    def _note_commit(self) -> None:
        self._has_news = True
        self._poller.wake()

    async def _step(self) -> bool:
        raw = await self._connection()
        try:
            if not self._has_lock and not await self._takes_lock(raw):
                return False
            row_ids, events = await outbox.unpublished(
                raw, limit=BATCH_SIZE_MAX, bytes_max=BATCH_BYTES_MAX
            )
            if events:
                await self._publish(events)
                await outbox.mark_published(raw, row_ids)
                metrics.OUTBOX_PUBLISHED.labels(stream_of(events[0].event_type)).inc(len(events))
        except BaseException:
            self._hang_up()
            raise
        is_full = sum(len(event.payload) for event in events) >= BATCH_BYTES_MAX
        return is_full or len(events) == BATCH_SIZE_MAX

    async def _connection(self) -> asyncpg.Connection:
        """The relay's own connection, which holds the lock or tries to get it.

        It does not wait for the disk: a mark that is lost in a crash makes its row leave twice, which is harmless.
        """
        if self._raw is None or self._raw.is_closed():
            self._hang_up()
            self._raw = await self._database.dial(synchronous_commit="off")
        return self._raw

    async def _takes_lock(self, raw: asyncpg.Connection) -> bool:
        """Whether the lock is this replica's now; if not, its holder is told of what was committed here."""
        has_news, self._has_news = self._has_news, False
        self._has_lock = await raw.fetchval("select pg_try_advisory_lock($1)", self._lock_key)
        if self._has_lock:
            await raw.add_listener(CHANNEL, self._hear)
        elif has_news:
            await raw.execute("select pg_notify($1, '')", CHANNEL)
        return self._has_lock

    def _hear(self, *_: object) -> None:
        """Looks at once: another replica has committed events."""
        self._poller.wake()

    def _hang_up(self) -> None:
        """Ends the connection, and the lock with it."""
        raw, self._raw, self._has_lock = self._raw, None, False
        if raw is not None:
            raw.terminate()

    async def _publish(self, events: Sequence[OutgoingEvent]) -> None:
        stream, source = stream_of(events[0].event_type), self._database.service
        with telemetry.send_batch(stream, [event.traceparent for event in events]):
            try:
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    error = await publish_batch(self._connect(), events, source=source)
                    if error is not None:
                        await publish_singly(self._connect(), events, source=source)
            except NatsError as error:
                raise PublishRefused(f"{stream}: {type(error).__name__}") from error
        metrics.OUTBOX_BATCH_SIZE.labels(stream).observe(len(events))


async def publish_batch(
    client: Client, events: Sequence[OutgoingEvent], *, source: str
) -> int | None:
    """Publishes events of one stream as an atomic batch (ADR-50 of NATS).

    Returns None when the server stored them all, or `DUPLICATE_IN_BATCH` when it refused the batch because it has one
    of them. Raises `PublishRefused` on any other refusal.
    """
    batch_id = uuid.uuid4().hex
    for start in range(0, len(events) - 1, WRITTEN_AT_ONCE):
        numbered = enumerate(
            events[start : min(start + WRITTEN_AT_ONCE, len(events) - 1)], start + 1
        )
        frames = [
            frame(
                subject_of(event.event_type, event.key),
                event.payload,
                _batched(event, source, batch_id, number),
            )
            for number, event in numbered
        ]
        await write_frames(client, frames)
        await asyncio.sleep(0)
    last = events[-1]
    answer = await client.request(
        subject_of(last.event_type, last.key),
        last.payload,
        headers={**_batched(last, source, batch_id, len(events)), "Nats-Batch-Commit": "1"},
        timeout=PUBLISH_TIMEOUT_S,
    )
    return _batch_error(json.loads(answer.data), expected=len(events))


def _batched(event: OutgoingEvent, source: str, batch_id: str, number: int) -> dict[str, str]:
    """The headers of an event that is the batch's `number`th."""
    headers = headers_of(event, source=source)
    headers["Nats-Batch-Id"] = batch_id
    headers["Nats-Batch-Sequence"] = str(number)
    return headers


def _batch_error(answer: dict[str, object], *, expected: int) -> int | None:
    error = answer.get("error")
    if isinstance(error, dict):
        if error.get("err_code") == DUPLICATE_IN_BATCH:
            return DUPLICATE_IN_BATCH
        raise PublishRefused(f"batch refused: {error.get('err_code')} {error.get('description')}")
    if answer.get("count", 1) != expected:
        raise PublishRefused(f"batch stored {answer.get('count')} of {expected}")
    return None


async def publish_singly(client: Client, events: Sequence[OutgoingEvent], *, source: str) -> None:
    """Publishes events one by one in their order; those that the server has are dropped by it.

    Each waits for the one before: were two under way, a refusal of the first would put them out of order. A thousand
    take 0.3 s, of which the server has most (0.1 ms each).
    """
    for event in events:
        answer = await client.request(
            subject_of(event.event_type, event.key),
            event.payload,
            headers=headers_of(event, source=source),
            timeout=PUBLISH_TIMEOUT_S,
        )
        reply = json.loads(answer.data)
        if "error" in reply:
            raise PublishRefused(f"publish refused: {reply['error'].get('err_code')}")
