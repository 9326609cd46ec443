"""How a consumer's messages are fetched: through restarts, bounded, and never answered too late."""

import asyncio
import time

import nats
import pytest
from servicekit.bus import Bus
from servicekit.events import new_id, subject_of
from servicekit.pull import Pull, PullRefused
from servicekit.testing.sample_event import SampleHappened
from servicekit.testing.waiting import eventually

DURABLE = "kit-SampleHappened"


async def send(nats_url, count):
    client = await nats.connect(nats_url)
    for number in range(count):
        event = SampleHappened(event_id=new_id(), key="k", number=number)
        subject = subject_of(event.DESCRIPTOR.full_name, event.key)
        await client.jetstream().publish(subject, event.SerializeToString())
    await client.close()


async def state(nats_url):
    client = await nats.connect(nats_url)
    info = await client.jetstream().consumer_info("TESTING", DURABLE)
    await client.close()
    return info


async def handled(database):
    async with database.raw() as raw:
        return await raw.fetchval("select count(*) from effects")


def count_effects(bus, **options):
    @bus.on_batch(SampleHappened, **options)
    async def remember(events, uow):
        await uow.raw.executemany(
            "insert into effects (event_id) values ($1)", [(event.event_id,) for event in events]
        )


async def test_reading_goes_on_after_nats_was_killed_and_restarted(
    database, own_nats_server, make_stream, running
):
    url = own_nats_server.url
    await make_stream(url)
    bus = Bus(url, database=database)
    count_effects(bus)
    async with running(bus, bus.reading):
        await send(url, 3)
        await eventually(lambda: _is_handled(database, 3))
        await asyncio.to_thread(own_nats_server.kill9)
        await eventually(bus.problem)
        await asyncio.to_thread(own_nats_server.restart)
        await eventually(lambda: not bus.problem())
        await send(url, 3)

        await eventually(lambda: _is_handled(database, 6), deadline_s=4)


async def test_a_deleted_durable_is_made_again_and_nothing_is_handled_twice(
    database, bus, stream_url, running
):
    count_effects(bus)
    async with running(bus, bus.reading):
        await send(stream_url, 3)
        await eventually(lambda: _is_handled(database, 3))
        client = await nats.connect(stream_url)
        await client.jetstream().delete_consumer("TESTING", DURABLE)
        await client.close()
        await send(stream_url, 1)

        await eventually(lambda: _is_handled(database, 4))
        assert bus.reading.problem() is None


async def test_a_lost_stream_shows_in_readiness_until_it_is_back(
    database, bus, stream_url, make_stream, running
):
    count_effects(bus)
    async with running(bus, bus.reading):
        client = await nats.connect(stream_url)
        await client.jetstream().delete_stream("TESTING")
        await client.close()
        await eventually(bus.reading.problem, deadline_s=20)

        await make_stream(stream_url)
        await send(stream_url, 2)
        await eventually(lambda: _is_handled(database, 2), deadline_s=20)
        assert bus.reading.problem() is None


async def test_at_most_two_batches_are_in_the_process(database, bus, stream_url, running):
    handling, may_end = asyncio.Event(), asyncio.Event()

    @bus.on_batch(SampleHappened, batch_size_max=20)
    async def wait(events, uow):
        handling.set()
        await may_end.wait()

    await send(stream_url, 100)
    async with running(bus, bus.reading):
        async with asyncio.timeout(5):
            await handling.wait()
        await eventually(lambda: _has_fetched(stream_url, 20))
        await _passes(0.2)
        assert (await state(stream_url)).num_ack_pending <= 40
        may_end.set()


@pytest.fixture
async def a_pull(bus, stream_url, running):
    """A pull of two messages at a time whose server waits 1.2 s for answers."""
    patient = Bus(stream_url, database=bus._database, ack_wait_s=1.2)  # noqa: SLF001 - the same one
    count_effects(patient, batch_size_max=2)
    async with running(patient):
        pull = await patient.open(patient.consumers[DURABLE])
        yield pull
        await pull.close()


async def test_a_message_that_waited_here_has_its_full_time_when_it_is_handed_out(
    a_pull: Pull, stream_url
):
    await _one_in_hand_and_one_waiting(a_pull, stream_url)
    await _passes(0.8)
    [waited] = await a_pull.next_batch()

    await _passes(0.8)

    info = await state(stream_url)
    assert (info.num_redelivered, info.num_ack_pending) == (0, 1)
    await _acknowledge([waited])


async def test_a_message_that_waited_here_too_long_is_left_to_its_next_delivery(
    a_pull: Pull, stream_url
):
    await _one_in_hand_and_one_waiting(a_pull, stream_url)
    await _passes(1.15)

    again = await eventually(a_pull.next_batch)

    assert [message.metadata.num_delivered for message in again] == [2]
    await _acknowledge(again)
    await eventually(lambda: _is_settled(stream_url))


async def test_a_refused_pull_says_so_until_it_asks_again(a_pull: Pull, stream_url):
    client = await nats.connect(stream_url)
    await client.jetstream().delete_consumer("TESTING", DURABLE)
    await client.close()

    for _ in range(2):
        with pytest.raises(PullRefused):
            await a_pull.next_batch()
    a_pull.ask_again()
    assert not a_pull.is_refused


async def _one_in_hand_and_one_waiting(pull, nats_url):
    await send(nats_url, 1)
    await _acknowledge(await eventually(pull.next_batch))
    await eventually(lambda: _is_settled(nats_url))
    await send(nats_url, 1)
    await eventually(lambda: _has_fetched(nats_url, 1))


async def _acknowledge(messages):
    for message in messages:
        await message.ack()


async def _passes(seconds):
    until = time.monotonic() + seconds
    await eventually(lambda: time.monotonic() > until)


async def _is_handled(database, count):
    return await handled(database) == count


async def _has_fetched(nats_url, count):
    info = await state(nats_url)
    return info if info.num_ack_pending >= count else None


async def _is_settled(nats_url):
    info = await state(nats_url)
    return info.num_ack_pending == 0
