"""One service's PostgreSQL: the pool, and the unit of work in which everything that is decided is written.

Statements go to asyncpg, whose pool and arrays cost less than SQLAlchemy's (docs/adr/0012). SQLAlchemy describes the
tables and migrates them. Nothing but this file begins or ends a transaction.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit import outbox, telemetry
from servicekit.errors import TooLarge, Unavailable
from servicekit.events import OutgoingEvent, new_id
from servicekit.known_types import KnowingConnection
from servicekit.telemetry.context import normalised

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from servicekit.events import Event

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 15
TIMEOUTS = {"timeout": CONNECT_TIMEOUT_S, "command_timeout": STATEMENT_TIMEOUT_S}
EVENT_BYTES_MAX = 1_000_000
"""Largest event: with its headers below the bus's limit of 1 MiB, for one above would hold up the outbox for ever."""

SESSION_SETTINGS = {
    "timezone": "UTC",
    # The locks of a machine that vanished without a word are free again within half a minute.
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "60s",
}


class UnitOfWork:
    """One transaction: what it writes and what it publishes happen together, or not at all.

    `raw` runs statements in the transaction. `now` is the one time of everything decided in it.
    """

    def __init__(
        self,
        raw: asyncpg.Connection,
        *,
        now: datetime,
        traces: Mapping[str, str | None],
    ) -> None:
        self.raw = raw
        self.now = now
        self.outgoing: list[OutgoingEvent] = []
        self.announced: list[OutgoingEvent] = []
        self._traces = traces
        self._stamp = Timestamp()
        self._stamp.FromDatetime(now)

    def publish(self, event: Event, *, key: str, cause: Event | str | None = None) -> None:
        """Publishes `event` when the transaction commits.

        `key` is what events are ordered by, such as a lead id: events of one key leave in the order in which their
        transactions held the key's row. `cause` is the event that is being handled, or a stored W3C traceparent; it
        continues that trace. Fills in `event_id` and `occurred_at` where they are empty. Raises `TooLarge` when the
        event cannot be on the bus.
        """
        self.outgoing.append(self._addressed(event, key=key, trace=self._trace_of(cause)))

    def announce(self, event: Event, *, key: str) -> None:
        """Tells whoever listens right now about `event`, at once after the commit; nobody else ever hears of it.

        For what must be known within milliseconds and can be asked for by whoever missed it. Raises `TooLarge`.
        """
        trace = telemetry.current_traceparent()
        self.announced.append(self._addressed(event, key=key, trace=trace))

    def traceparent_of(self, event: Event) -> str | None:
        """The traceparent with which effects of a handled event continue; None when it is not traced."""
        return self._traces.get(event.event_id)

    def _addressed(self, event: Event, *, key: str, trace: str | None) -> OutgoingEvent:
        event.event_id = event.event_id or new_id()
        if not event.occurred_at.seconds:
            event.occurred_at.CopyFrom(self._stamp)
        payload = event.SerializeToString()
        if len(payload) > EVENT_BYTES_MAX:
            name = event.DESCRIPTOR.name
            raise TooLarge(f"{name} of {len(payload)} bytes, {EVENT_BYTES_MAX} fit")
        return OutgoingEvent(
            event_id=event.event_id,
            event_type=event.DESCRIPTOR.full_name,
            key=key,
            payload=payload,
            occurred_at=self.now,
            traceparent=trace,
        )

    def _trace_of(self, cause: Event | str | None) -> str | None:
        if cause is None:
            return telemetry.current_traceparent()
        return normalised(cause) if isinstance(cause, str) else self.traceparent_of(cause)


class Database:
    """A service's database.

    `url` is a `postgresql://` URL; `clock` gives the time of a unit of work. A part of a service: `start` checks that
    the server answers.
    """

    name = "database"

    def __init__(
        self,
        url: str,
        *,
        service: str,
        pool_size: int = 10,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.url = url
        self.service = service
        self.namespace = urlsplit(url).path.lstrip("/")
        self._clock = clock
        self._pool_size = pool_size
        self._pool: asyncpg.Pool | None = None
        self._reachable = False
        self.on_publish: list[Callable[[], None]] = []
        self.on_announce: list[Callable[[Sequence[OutgoingEvent]], Awaitable[None]]] = []

    async def start(self) -> None:
        """Opens the first connection; raises `Unavailable` when the server does not answer."""
        await self.check()

    async def check(self) -> None:
        """Asks the server for a sign of life; raises `Unavailable` when it gives none."""
        async with self.raw() as raw:
            await raw.fetchval("select 1", timeout=CONNECT_TIMEOUT_S)

    async def stop(self) -> None:
        """Closes every connection."""
        pool, self._pool = self._pool, None
        self._reachable = False
        if pool is not None:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def problem(self) -> str | None:
        """Why the database is not ready."""
        return None if self._reachable else "unreachable"

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for reading; each statement is its own transaction.

        Raises `Unavailable` when no connection can be had in time, or when it is lost.
        """
        pool = await self._opened()
        try:
            raw = await pool.acquire(timeout=CONNECT_TIMEOUT_S)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._reachable = False
            raise Unavailable("the database is away") from error
        self._reachable = True
        try:
            with _plain_errors(raw):
                yield raw
        finally:
            self._reachable = not is_gone(raw)
            await pool.release(raw)

    async def dial(self, **session_settings: str) -> asyncpg.Connection:
        """A connection outside the pool, for a lock that lasts as long as it; the caller closes it.

        Raises `Unavailable` when the server does not answer.
        """
        settings = {**self._session_settings(), **session_settings}
        try:
            return await asyncpg.connect(
                self.url,
                server_settings=settings,
                connection_class=KnowingConnection,
                **TIMEOUTS,
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Unavailable("the database is away") from error

    @asynccontextmanager
    async def unit_of_work(
        self, *, traces: Mapping[str, str | None] | None = None
    ) -> AsyncIterator[UnitOfWork]:
        """Opens a transaction; commits it and its events at the end, or rolls both back on any error.

        `traces` gives the traceparent with which effects of each handled event continue, by event id. Raises
        `Unavailable` when the connection is lost; whether the commit happened is then unknown.
        """
        async with self.raw() as raw:
            with telemetry.db_span("unit of work", namespace=self.namespace):
                async with raw.transaction():
                    uow = UnitOfWork(raw, now=self._clock(), traces=traces or {})
                    yield uow
                    if uow.outgoing:
                        await outbox.store(raw, uow.outgoing)
        if uow.announced:
            for announce in self.on_announce:
                await announce(uow.announced)
        if uow.outgoing:
            self.published()

    def published(self) -> None:
        """Wakes whoever publishes the outbox; called after each commit that put something there."""
        for wake in self.on_publish:
            wake()

    async def _opened(self) -> asyncpg.Pool:
        """The pool; made at first use, so that it belongs to the running loop. It connects when asked."""
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=0,
                max_size=self._pool_size,
                server_settings=self._session_settings(),
                connection_class=KnowingConnection,
                reset=_leave_as_it_is,
                **TIMEOUTS,
            )
        return self._pool

    def _session_settings(self) -> dict[str, str]:
        return {"application_name": self.service, **SESSION_SETTINGS}


def is_gone(raw: asyncpg.Connection) -> bool:
    """Whether a connection is closed; the pool takes a closed one back before its user does."""
    try:
        return bool(raw.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """Saves the round trip that would undo session settings: none are changed on a pooled connection."""


@contextmanager
def _plain_errors(raw: asyncpg.Connection) -> Iterator[None]:
    """Tells a connection that is gone from a fault of what was asked, whose detail, which shows rows, is left out."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        if is_gone(raw):
            raise Unavailable("the database connection was lost") from error
        if isinstance(error, asyncpg.PostgresError):
            error.detail = None
        raise
