"""What the kit's tests share: a database with the kit's tables, a stream, and a started bus."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import nats
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.relay import Relay
from servicekit.schema import kit_metadata


@asynccontextmanager
async def open_database(url: str, service: str = "kit") -> AsyncIterator[Database]:
    """A database with the kit's tables and a table for effects."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(kit_metadata().create_all)
        await connection.exec_driver_sql(
            "create table if not exists effects (event_id text, at timestamptz default now())"
        )
    await engine.dispose()
    database = Database(url, service=service)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


@asynccontextmanager
async def running(*parts: object) -> AsyncIterator[None]:
    """Starts parts in order, stops them in reverse."""
    async with AsyncExitStack() as stack:
        for part in parts:
            stack.push_async_callback(part.stop)
            await part.start()
        yield


async def make_stream(nats_url: str) -> None:
    """The stream of the kit's own events, as production's streams are set."""
    client = await nats.connect(nats_url)
    try:
        await client.jetstream().add_stream(
            name="SERVICEKIT", subjects=["servicekit.v1.>"], allow_atomic=True
        )
    finally:
        await client.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def stream_url(nats_url: str) -> str:
    await make_stream(nats_url)
    return nats_url


@pytest.fixture
async def bus(stream_url: str, database: Database) -> Bus:
    return Bus(stream_url, database=database)


@pytest.fixture
async def relay(bus: Bus, database: Database) -> Relay:
    return Relay(database, bus.client)
