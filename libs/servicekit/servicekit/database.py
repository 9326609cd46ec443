"""One service's PostgreSQL: the pool, and the unit of work in which everything that is decided is written.

SQLAlchemy gives the pool, the dialect and the statements; it never begins or ends a transaction (its connections are
in AUTOCOMMIT). The unit of work does, so that the statements that go through SQLAlchemy and the hot ones that go
straight to asyncpg are in one transaction, and nothing but this file can commit.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from servicekit import outbox, telemetry
from servicekit.errors import TooLarge, Unavailable
from servicekit.events import OutgoingEvent, new_id
from servicekit.telemetry.context import normalised

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from servicekit.events import Event

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 15
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

    `connection` runs SQLAlchemy statements, `raw` runs hot statements on asyncpg; both are in the transaction.
    `now` is the one time of everything decided in it.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        raw: asyncpg.Connection,
        *,
        now: datetime,
        traces: Mapping[str, str | None],
    ) -> None:
        self.connection = connection
        self.raw = raw
        self.now = now
        self.outgoing: list[OutgoingEvent] = []
        self._traces = traces

    def publish(self, event: Event, *, key: str, cause: Event | str | None = None) -> None:
        """Publishes `event` when the transaction commits.

        `key` is what events are ordered by, such as a lead id: events of one key leave in the order in which their
        transactions held the key's row. `cause` is the event that is being handled, or a stored W3C traceparent; it
        continues that trace. Fills in `event_id` and `occurred_at` where they are empty. Raises `TooLarge` when the
        event cannot be on the bus.
        """
        event.event_id = event.event_id or new_id()
        if not event.occurred_at.seconds:
            event.occurred_at.FromDatetime(self.now)
        payload = event.SerializeToString()
        if len(payload) > EVENT_BYTES_MAX:
            name = event.DESCRIPTOR.name
            raise TooLarge(f"{name} of {len(payload)} bytes, {EVENT_BYTES_MAX} fit")
        self.outgoing.append(
            OutgoingEvent(
                event_id=event.event_id,
                event_type=event.DESCRIPTOR.full_name,
                key=key,
                payload=payload,
                occurred_at=self.now,
                traceparent=self._trace_of(cause),
            )
        )

    def traceparent_of(self, event: Event) -> str | None:
        """The traceparent with which effects of a handled event continue; None when it is not traced."""
        return self._traces.get(event.event_id)

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
        self.namespace = make_url(url).database or ""
        self._clock = clock
        self._pool_size = pool_size
        self._engine: AsyncEngine | None = None
        self._reachable = False
        self.on_publish: list[Callable[[], None]] = []

    @property
    def engine(self) -> AsyncEngine:
        """The engine; made at first use, so that it belongs to the running loop."""
        if self._engine is None:
            self._engine = create_async_engine(
                make_url(self.url).set(drivername="postgresql+asyncpg"),
                isolation_level="AUTOCOMMIT",
                pool_size=self._pool_size,
                max_overflow=0,
                hide_parameters=True,
                pool_timeout=CONNECT_TIMEOUT_S,
                connect_args={
                    "timeout": CONNECT_TIMEOUT_S,
                    "command_timeout": STATEMENT_TIMEOUT_S,
                    "server_settings": {"application_name": self.service, **SESSION_SETTINGS},
                },
            )
        return self._engine

    async def start(self) -> None:
        """Opens the first connection; raises `Unavailable` when the server does not answer."""
        await self.check()

    async def check(self) -> None:
        """Asks the server for a sign of life; raises `Unavailable` when it gives none."""
        async with self.raw() as raw:
            with _loss_as_unavailable(raw):
                await raw.fetchval("select 1", timeout=CONNECT_TIMEOUT_S)

    async def stop(self) -> None:
        """Closes every connection."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None
        self._reachable = False

    def problem(self) -> str | None:
        """Why the database is not ready."""
        return None if self._reachable else "unreachable"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; each statement is its own transaction.

        Raises `Unavailable` when no connection can be had in time.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await self.engine.connect()
        except (OSError, asyncpg.PostgresError, DBAPIError, PoolTimeoutError) as error:
            self._reachable = False
            raise Unavailable("the database is away") from error
        self._reachable = True
        try:
            yield connection
        finally:
            await self._give_back(connection)

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[asyncpg.Connection]:
        """Asyncpg's connection for reading with hot statements."""
        async with self.connection() as connection:
            yield await raw_of(connection)

    @asynccontextmanager
    async def unit_of_work(
        self, *, traces: Mapping[str, str | None] | None = None
    ) -> AsyncIterator[UnitOfWork]:
        """Opens a transaction; commits it and its events at the end, or rolls both back on any error.

        `traces` gives the traceparent with which effects of each handled event continue, by event id. Raises
        `Unavailable` when the connection is lost; whether the commit happened is then unknown.
        """
        async with self.connection() as connection:
            raw = await raw_of(connection)
            with (
                telemetry.db_span("unit of work", namespace=self.namespace),
                _loss_as_unavailable(raw),
            ):
                async with raw.transaction():
                    uow = UnitOfWork(connection, raw, now=self._clock(), traces=traces or {})
                    yield uow
                    if uow.outgoing:
                        await outbox.store(raw, uow.outgoing)
        if uow.outgoing:
            self.published()

    def published(self) -> None:
        """Wakes whoever publishes the outbox; called after each commit that put something there."""
        for wake in self.on_publish:
            wake()

    async def _give_back(self, connection: AsyncConnection) -> None:
        try:
            if connection.invalidated or (await raw_of(connection)).is_closed():
                self._reachable = False
                await connection.invalidate()
        finally:
            await connection.close()


@contextmanager
def _loss_as_unavailable(raw: asyncpg.Connection) -> Iterator[None]:
    """Tells an error of a connection that is gone from an error of what was asked of it."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        if raw.is_closed():
            raise Unavailable("the database connection was lost") from error
        raise


async def raw_of(connection: AsyncConnection) -> asyncpg.Connection:
    """The asyncpg connection under a SQLAlchemy one."""
    pooled = await connection.get_raw_connection()
    return cast("asyncpg.Connection", pooled.driver_connection)
