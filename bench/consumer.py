"""How many events a second one process handles: the kit's consumer against raw fetch and acknowledge.

`python -m bench.consumer kit|raw NATS_URL DATABASE_URL EVENTS`: publishes the events, then reads them with one write
and an inbox claim each (kit), or only acknowledges them (raw), and prints one JSON line.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence

import nats
import uvloop
from servicekit.bus import Bus
from servicekit.database import Database, UnitOfWork
from servicekit.events import Event, new_id, subject_of
from servicekit.schema import kit_metadata
from servicekit.testing.sample_event import STREAM, SUBJECTS, SampleHappened
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

BATCH = 250
WRITE = "insert into effects (event_id, at) select unnest($1::uuid[]), now()"


async def main() -> None:
    """Runs one measurement."""
    kind, nats_url, database_url, count = sys.argv[1:]
    await publish(nats_url, int(count))
    cpu_before = _cpu_s()
    started = time.perf_counter()
    if kind == "kit":
        await read_with_kit(nats_url, database_url, int(count))
    else:
        await read_raw(nats_url, int(count))
    took_s = time.perf_counter() - started
    figures = {
        "per_second": int(count) / took_s,
        "cpu_us_per_event": (_cpu_s() - cpu_before) / int(count) * 1e6,
    }
    print(json.dumps(figures))


async def publish(nats_url: str, count: int) -> None:
    """Fills a fresh stream."""
    client = await nats.connect(nats_url)
    jetstream = client.jetstream()
    for stream in await jetstream.streams_info():
        await jetstream.delete_stream(str(stream.config.name))
    await jetstream.add_stream(name=STREAM, subjects=SUBJECTS, allow_atomic=True)
    for number in range(count):
        event = SampleHappened()
        event.event_id = new_id()
        event.occurred_at.GetCurrentTime()
        subject = subject_of(event.DESCRIPTOR.full_name, str(number))
        await client.publish(subject, event.SerializeToString())
    await client.flush(timeout=60)
    while (await jetstream.stream_info(STREAM)).state.messages < count:
        await asyncio.sleep(0.05)  # the server has no event for it
    await client.close()


async def read_with_kit(nats_url: str, database_url: str, count: int) -> None:
    """One process of a service: claim, write, commit, acknowledge."""
    database = Database(database_url, service="bench")
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.execute(
            text("drop table if exists effects, inbox, outbox, delivery_failures, dead_letters")
        )
        await connection.run_sync(kit_metadata().create_all)
        await connection.execute(
            text("create table effects (event_id uuid primary key, at timestamptz)")
        )
    await engine.dispose()
    handled = 0
    done = asyncio.Event()
    bus = Bus(nats_url, database=database)

    @bus.on_batch(SampleHappened)
    async def write(events: Sequence[Event], uow: UnitOfWork) -> None:
        nonlocal handled
        await uow.raw.execute(WRITE, [event.event_id for event in events])
        handled += len(events)
        if handled >= count:
            done.set()

    await bus.start()
    await bus.reading.start()
    async with asyncio.timeout(120):
        await done.wait()
    await bus.reading.stop()
    await bus.stop()
    await database.stop()


async def read_raw(nats_url: str, count: int) -> None:
    """What nats-py does at most: fetch and acknowledge."""
    client = await nats.connect(nats_url)
    subscription = await client.jetstream().pull_subscribe(SUBJECTS[0], durable="raw")
    handled = 0
    while handled < count:
        for message in await subscription.fetch(BATCH, timeout=5):
            await message.ack()
            handled += 1
    await client.flush(timeout=60)
    await client.close()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    uvloop.run(main())
