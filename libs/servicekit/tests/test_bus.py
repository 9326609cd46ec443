"""What the bus guarantees: effects once, delayed retries, quarantine, and no acknowledgement before the commit."""

import asyncio
import time

import nats
from servicekit import dead_letters
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.errors import InvalidMessage
from servicekit.events import new_id, subject_of
from servicekit.retry_schedule import next_delay_s
from servicekit.testing.sample_event import SampleHappened
from servicekit.testing.waiting import eventually

EFFECT = "insert into effects (event_id) values ($1)"


def sample(key: str = "k", number: int = 0):
    event = SampleHappened(event_id=new_id(), key=key, number=number)
    event.occurred_at.GetCurrentTime()
    return event


async def send(nats_url, *events, message_id=None):
    client = await nats.connect(nats_url)
    for event in events:
        subject = subject_of(event.DESCRIPTOR.full_name, event.key)
        headers = {"Nats-Msg-Id": message_id} if message_id else None
        await client.jetstream().publish(subject, event.SerializeToString(), headers=headers)
    await client.close()


async def effects(database):
    async with database.raw() as raw:
        return [row[0] for row in await raw.fetch("select event_id from effects order by at")]


async def letters(database):
    async with database.raw() as raw:
        return await dead_letters.list_letters(raw)


async def unacknowledged(nats_url):
    client = await nats.connect(nats_url)
    info = await client.jetstream().consumer_info("TESTING", "kit-SampleHappened")
    await client.close()
    return info.num_ack_pending + info.num_pending


async def test_an_event_published_in_a_unit_of_work_reaches_its_handler(
    database, bus, relay, running
):
    @bus.on(SampleHappened)
    async def remember(event, uow):
        await uow.raw.execute(EFFECT, event.event_id)

    async with running(bus, relay, bus.reading):
        async with database.unit_of_work() as uow:
            event = SampleHappened(key="a")
            uow.publish(event, key="a")

        assert await eventually(lambda: effects(database)) == [event.event_id]
        assert event.occurred_at.ToDatetime().year >= 2026


async def test_a_duplicate_delivery_runs_the_effects_once(database, bus, stream_url, running):
    @bus.on(SampleHappened)
    async def remember(event, uow):
        await uow.raw.execute(EFFECT, event.event_id)

    twice = sample()
    async with running(bus, bus.reading):
        await send(stream_url, twice, message_id="first")
        await eventually(lambda: effects(database))
        await send(stream_url, twice, twice)
        await send(stream_url, last := sample())

        await eventually(lambda: _includes(database, last.event_id))
        assert await effects(database) == [twice.event_id, last.event_id]


async def test_a_failing_handler_is_tried_again_after_its_delays_and_then_quarantined(
    database, bus, stream_url, running
):
    tries: list[float] = []

    @bus.on_batch(SampleHappened, delays_s=(0.2, 0.4))
    async def fail(events, uow):
        tries.append(time.monotonic())
        await uow.raw.execute(EFFECT, events[0].event_id)
        raise RuntimeError("rep 13800138000 has no desk")

    event = sample()
    async with running(bus, bus.reading):
        await send(stream_url, event)

        [letter] = await eventually(lambda: letters(database))
        assert tries[1] - tries[0] >= 0.2
        assert tries[2] - tries[1] >= 0.4
        assert (letter.event_id, letter.attempt_count) == (event.event_id, 3)
        assert letter.error.startswith("RuntimeError")
        assert "13800138000" not in letter.error
        assert letter.first_failed_at < letter.quarantined_at
        assert await effects(database) == []
        await eventually(lambda: _settled(stream_url))


def test_the_standard_schedule_is_1_s_5_s_30_s_2_min_10_min_then_quarantine():
    assert [next_delay_s(n) for n in range(1, 7)] == [1, 5, 30, 120, 600, None]


async def test_a_dead_letter_is_handled_by_a_replay_and_then_gone(
    database, bus, stream_url, running
):
    broken = True

    @bus.on_batch(SampleHappened, delays_s=())
    async def remember(events, uow):
        if broken:
            raise RuntimeError("not yet")
        await uow.raw.execute(EFFECT, events[0].event_id)

    async with running(bus, bus.reading):
        await send(stream_url, event := sample())
        [letter] = await eventually(lambda: letters(database))

        broken = False
        await bus.replay(letter)
        assert await effects(database) == [event.event_id]
        assert await letters(database) == []


async def test_an_invalid_message_is_quarantined_at_once(database, bus, stream_url, running):
    @bus.on(SampleHappened)
    async def refuse(event, uow):
        raise InvalidMessage("no such thing")

    async with running(bus, bus.reading):
        await send(stream_url, sample())
        [letter] = await eventually(lambda: letters(database))

    assert letter.attempt_count == 1


async def test_an_undecodable_message_is_quarantined_at_once(database, bus, stream_url, running):
    @bus.on(SampleHappened)
    async def remember(event, uow):
        await uow.raw.execute(EFFECT, event.event_id)

    client = await nats.connect(stream_url)
    async with running(bus, bus.reading):
        await client.jetstream().publish("servicekit.testing.v1.SampleHappened.00", b"\xff\xff")
        [letter] = await eventually(lambda: letters(database))
        await eventually(lambda: _settled(stream_url))
    await client.close()

    assert letter.payload == b"\xff\xff"
    assert letter.error.startswith("InvalidMessage")


async def test_one_poison_message_in_a_batch_costs_only_itself(database, bus, stream_url, running):
    batches: list[int] = []

    @bus.on_batch(SampleHappened, delays_s=(60.0,))
    async def remember(events, uow):
        batches.append(len(events))
        if any(event.number == 13 for event in events):
            raise RuntimeError("poison")
        await uow.raw.executemany(EFFECT, [(event.event_id,) for event in events])

    events = [sample(number=number) for number in range(40)]
    await send(stream_url, *events)
    async with running(bus, bus.reading):
        await eventually(lambda: _count_is(database, 39))

    assert {event.event_id for event in events if event.number != 13} == set(
        await effects(database)
    )
    assert batches[0] == 40
    assert max(batches[1:]) == 1


async def test_a_message_is_not_acknowledged_before_its_commit(database, bus, stream_url, running):
    handling, may_end = asyncio.Event(), asyncio.Event()

    @bus.on(SampleHappened)
    async def wait(event, uow):
        await uow.raw.execute(EFFECT, event.event_id)
        handling.set()
        await may_end.wait()

    async with running(bus, bus.reading):
        await send(stream_url, sample())
        async with asyncio.timeout(5):
            await handling.wait()
        assert await unacknowledged(stream_url) == 1
        assert await effects(database) == []

        may_end.set()
        await eventually(lambda: _settled(stream_url))
        assert len(await effects(database)) == 1


async def test_stopping_lets_the_running_batch_commit(database, bus, stream_url, running):
    handling = asyncio.Event()

    @bus.on(SampleHappened)
    async def slowly(event, uow):
        handling.set()
        await uow.raw.execute("select pg_sleep(0.3)")
        await uow.raw.execute(EFFECT, event.event_id)

    async with running(bus, bus.reading):
        await send(stream_url, sample())
        async with asyncio.timeout(5):
            await handling.wait()

    assert len(await effects(database)) == 1


async def test_a_database_outage_is_not_counted_as_a_failure_of_the_message(
    own_postgres_server, stream_url, make_tables, running
):
    await make_tables(own_postgres_server.url())
    database = Database(own_postgres_server.url(), service="kit")
    bus = Bus(stream_url, database=database)

    @bus.on_batch(SampleHappened, delays_s=())
    async def remember(events, uow):
        await uow.raw.execute(EFFECT, events[0].event_id)

    async with running(database, bus, bus.reading):
        await asyncio.to_thread(own_postgres_server.kill9)
        await send(stream_url, event := sample())
        await eventually(lambda: bus.problem() is None and database.problem())
        await asyncio.to_thread(own_postgres_server.restart)

        await eventually(lambda: _includes(database, event.event_id), deadline_s=20)
        assert await letters(database) == []


async def _includes(database, event_id):
    return event_id in await effects(database)


async def _count_is(database, count):
    return len(await effects(database)) == count


async def _settled(nats_url):
    return await unacknowledged(nats_url) == 0
