"""What the bus guarantees: effects once, delayed retries, quarantine, and no acknowledgement before the commit."""

import asyncio
import signal
import time

import nats
import pytest
from servicekit import dead_letters
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.errors import InvalidMessage
from servicekit.events import new_id, subject_of
from servicekit.retry_schedule import CRASHES_MAX, next_delay_s
from servicekit.testing.sample_event import SampleHappened
from servicekit.testing.waiting import eventually
from structlog.testing import capture_logs

EFFECT = "insert into effects (event_id) values ($1)"


def sample(key: str = "k", number: int = 0):
    event = SampleHappened(event_id=new_id(), key=key, number=number)
    event.occurred_at.GetCurrentTime()
    return event


async def send(nats_url, *events, message_id=None, headers=None):
    client = await nats.connect(nats_url)
    if message_id:
        headers = {"Nats-Msg-Id": message_id}
    for event in events:
        subject = subject_of(event.DESCRIPTOR.full_name, event.key)
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


async def test_a_service_that_starts_waits_for_a_server_that_does_not_answer(
    database, own_nats_server, make_stream, running
):
    await make_stream(own_nats_server.url)
    bus = Bus(own_nats_server.url, database=database)

    @bus.on(SampleHappened)
    async def remember(event, uow):
        await uow.raw.execute(EFFECT, event.event_id)

    async with running(bus), asyncio.timeout(20):
        own_nats_server.process.send(signal.SIGSTOP)
        with capture_logs() as said:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(bus.reading.start())
                await eventually(lambda: any(e["event"] == "nats_not_answering" for e in said))
                own_nats_server.process.send(signal.SIGCONT)
        await send(own_nats_server.url, event := sample())

        assert await eventually(lambda: effects(database)) == [event.event_id]
        await bus.reading.stop()


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


async def test_a_convergent_handler_sees_an_event_as_often_as_it_comes(
    database, bus, stream_url, running
):
    @bus.on_batch(SampleHappened, is_convergent=True)
    async def remember(events, uow):
        await uow.raw.executemany(EFFECT, [(event.event_id,) for event in events])

    async with running(bus, bus.reading):
        await send(stream_url, twice := sample())
        await eventually(lambda: _count_is(database, 1))
        await send(stream_url, twice)

        await eventually(lambda: _count_is(database, 2))


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
    poisoned_sizes: list[int] = []

    @bus.on_batch(SampleHappened, delays_s=(60.0,))
    async def remember(events, uow):
        if any(event.number == 13 for event in events):
            poisoned_sizes.append(len(events))
            raise RuntimeError("poison")
        await uow.raw.executemany(EFFECT, [(event.event_id,) for event in events])

    events = [sample(number=number) for number in range(40)]
    await send(stream_url, *events)
    async with running(bus, bus.reading):
        await eventually(lambda: _count_is(database, 39))

    assert {event.event_id for event in events if event.number != 13} == set(
        await effects(database)
    )
    assert poisoned_sizes[0] > 1
    assert poisoned_sizes[1:] == [1]


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


async def test_any_number_of_deliveries_is_no_failure_of_the_message(
    database, bus, stream_url, running
):
    @bus.on_batch(SampleHappened, delays_s=())
    async def remember(events, uow):
        await uow.raw.execute(EFFECT, events[0].event_id)

    async with running(bus):
        await bus.declare(bus.consumers["kit-SampleHappened"])
        await send(stream_url, event := sample())
        await hand_back(stream_url, times=30)

        async with running(bus.reading):
            await eventually(lambda: _includes(database, event.event_id))
    assert await letters(database) == []


async def test_a_message_that_ends_its_process_is_given_up_and_its_neighbours_are_not(
    database, stream_url, running
):
    bus = Bus(stream_url, database=database, ack_wait_s=0.6)
    ends: list[int] = []

    @bus.on_batch(SampleHappened)
    async def end_at_13(events, uow):
        if any(event.number == 13 for event in events):
            ends.append(len(events))
            raise ProcessEnds
        await uow.raw.executemany(EFFECT, [(event.event_id,) for event in events])

    async with running(bus):
        await send(stream_url, *[sample(number=number) for number in (12, 13, 14)])
        for _ in range(2 + CRASHES_MAX):
            ended_before = len(ends)
            async with running(bus.reading):
                await eventually(lambda before=ended_before: len(ends) > before)
        async with running(bus.reading):
            [letter] = await eventually(lambda: letters(database))
            await eventually(lambda: _count_is(database, 2))

    assert SampleHappened.FromString(letter.payload).number == 13
    assert ends[-CRASHES_MAX:] == [1] * CRASHES_MAX
    assert "ended 5 times" in letter.error


async def test_an_id_in_an_unusual_form_is_the_same_id(database, bus, stream_url, running):
    @bus.on(SampleHappened)
    async def remember(event, uow):
        await uow.raw.execute(EFFECT, event.event_id)

    shouted = sample()
    usual, shouted.event_id = shouted.event_id, shouted.event_id.upper()
    async with running(bus, bus.reading):
        await send(stream_url, shouted)

        assert await eventually(lambda: effects(database)) == [usual]


@pytest.mark.parametrize("traceparent", ["x" * 5000, "00-zz-1-01", "\u0000-"])
async def test_a_hostile_trace_context_does_not_keep_a_message_from_quarantine(
    database, bus, stream_url, running, traceparent
):
    @bus.on_batch(SampleHappened, delays_s=())
    async def fail(events, uow):
        raise RuntimeError("a \x00 and a \ud800 that no database takes")

    async with running(bus, bus.reading):
        await send(stream_url, sample(), headers={"traceparent": traceparent})
        [letter] = await eventually(lambda: letters(database))

    assert letter.traceparent is None
    assert letter.error.startswith("RuntimeError: a  and a ?")


async def test_an_id_that_no_row_can_hold_does_not_keep_a_message_from_quarantine(
    database, bus, stream_url, running
):
    @bus.on(SampleHappened)
    async def remember(event, uow):
        await uow.raw.execute(EFFECT, event.event_id)

    nameless = SampleHappened(event_id="\x00" * 70)
    async with running(bus, bus.reading):
        await send(stream_url, nameless)
        [letter] = await eventually(lambda: letters(database))

    assert letter.event_id == "sequence-1"


async def test_an_empty_message_with_a_status_is_quarantined_and_taken_for_no_answer(
    database, bus, stream_url, running
):
    @bus.on(SampleHappened)
    async def remember(event, uow):
        await uow.raw.execute(EFFECT, event.event_id)

    async with running(bus, bus.reading):
        await send(stream_url, SampleHappened(), headers={"Status": "409"})
        await eventually(lambda: letters(database))
        await eventually(lambda: _settled(stream_url))


async def test_a_letter_does_not_show_the_row_that_the_database_refused(
    database, bus, stream_url, running
):
    @bus.on_batch(SampleHappened, delays_s=())
    async def write_twice(events, uow):
        await uow.raw.execute("create unique index on effects (event_id)")
        await uow.raw.executemany(EFFECT, [("示例公司",), ("示例公司",)])

    async with running(bus, bus.reading):
        await send(stream_url, sample())
        [letter] = await eventually(lambda: letters(database))

    assert "unique" in letter.error
    assert "示例" not in letter.error


async def test_a_handler_that_is_cancelled_from_within_has_failed_and_reading_goes_on(
    database, bus, stream_url, running
):
    @bus.on_batch(SampleHappened, delays_s=())
    async def give_up(events, uow):
        if events[0].number == 13:
            raise asyncio.CancelledError
        await uow.raw.execute(EFFECT, events[0].event_id)

    async with running(bus, bus.reading):
        await send(stream_url, sample(number=13))
        await eventually(lambda: letters(database))
        await send(stream_url, last := sample())

        await eventually(lambda: _includes(database, last.event_id))
        assert bus.reading.problem() is None


async def test_a_handler_that_hangs_is_quarantined_and_delays_the_others_by_its_time_out(
    database, stream_url, running
):
    bus = Bus(stream_url, database=database, ack_wait_s=1.5)

    @bus.on_batch(SampleHappened, delays_s=(0.1,))
    async def hang_at_13(events, uow):
        if any(event.number == 13 for event in events):
            await asyncio.Event().wait()
        await uow.raw.executemany(EFFECT, [(event.event_id,) for event in events])

    await send(stream_url, *[sample(number=number) for number in range(10, 20)])
    async with running(bus, bus.reading):
        started = time.monotonic()
        await eventually(lambda: _count_is(database, 9))
        assert time.monotonic() - started < 5
        [letter] = await eventually(lambda: letters(database))

    assert letter.error.startswith("TimeoutError")
    assert letter.attempt_count == 2


async def test_a_connection_lost_in_the_middle_is_no_failure_of_the_message(
    database, bus, stream_url, running
):
    tries: list[int] = []

    @bus.on_batch(SampleHappened, delays_s=())
    async def lose_the_first_connection(events, uow):
        tries.append(len(events))
        if len(tries) == 1:
            await uow.raw.execute("select pg_terminate_backend(pg_backend_pid())")
        await uow.raw.execute(EFFECT, events[0].event_id)

    async with running(bus, bus.reading):
        await send(stream_url, event := sample())
        await eventually(lambda: _includes(database, event.event_id))
        assert await letters(database) == []


async def test_what_was_fetched_but_not_begun_is_handed_back_when_reading_stops(
    database, bus, stream_url, running
):
    handling = asyncio.Event()

    @bus.on_batch(SampleHappened, batch_size_max=2)
    async def remember(events, uow):
        handling.set()
        await uow.raw.execute("select pg_sleep(0.3)")
        await uow.raw.executemany(EFFECT, [(event.event_id,) for event in events])

    await send(stream_url, *[sample() for _ in range(4)])
    async with running(bus):
        async with running(bus.reading):
            async with asyncio.timeout(5):
                await handling.wait()
        assert len(await effects(database)) == 2

        async with running(bus.reading):
            await eventually(lambda: _count_is(database, 4), deadline_s=5)


async def hand_back(nats_url, *, times):
    client = await nats.connect(nats_url)
    reader = await client.jetstream().pull_subscribe_bind("kit-SampleHappened", stream="TESTING")
    for _ in range(times):
        [message] = await reader.fetch(1, timeout=5)
        await message.nak()
    await client.close()


class ProcessEnds(BaseException):
    """Stands for the end of the process: nothing in the kit catches it."""


async def _includes(database, event_id):
    return event_id in await effects(database)


async def _count_is(database, count):
    return len(await effects(database)) == count


async def _settled(nats_url):
    return await unacknowledged(nats_url) == 0
