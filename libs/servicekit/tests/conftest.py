"""What the kit's tests share: a database with the kit's tables, a stream, and a bus on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import nats
import pytest
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.relay import Relay
from servicekit.schema import kit_metadata
from servicekit.service import Part
from servicekit.testing.sample_event import STREAM, SUBJECTS
from sqlalchemy.ext.asyncio import create_async_engine

Runner = Callable[..., AbstractAsyncContextManager[None]]


async def create_tables(url: str) -> None:
    """The kit's tables and one for effects."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(kit_metadata().create_all)
        await connection.exec_driver_sql(
            "create table effects (event_id text, at timestamptz default clock_timestamp())"
        )
    await engine.dispose()


async def create_stream(nats_url: str) -> None:
    """The stream of the kit's own events, set as production's streams are."""
    client = await nats.connect(nats_url)
    try:
        await client.jetstream().add_stream(name=STREAM, subjects=SUBJECTS, allow_atomic=True)
    finally:
        await client.close()


@pytest.fixture
def running() -> Runner:
    """Starts parts in order and stops them in reverse."""

    @asynccontextmanager
    async def run(*parts: Part) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in parts:
                stack.push_async_callback(part.stop)
                await part.start()
            yield

    return run


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await create_tables(database_url)
    database = Database(database_url, service="kit")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def stream_url(nats_url: str) -> str:
    await create_stream(nats_url)
    return nats_url


@pytest.fixture
async def bus(stream_url: str, database: Database) -> Bus:
    return Bus(stream_url, database=database)


@pytest.fixture
async def relay(bus: Bus, database: Database) -> Relay:
    return Relay(database, bus.client)


@pytest.fixture
def make_tables() -> Callable[[str], Awaitable[None]]:
    return create_tables


@pytest.fixture
def make_stream() -> Callable[[str], Awaitable[None]]:
    return create_stream
