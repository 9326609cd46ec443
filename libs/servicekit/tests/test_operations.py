"""What an operator can see and do: dead letters, the outbox, the backlog."""

from datetime import UTC, datetime

import pytest
from servicekit import dead_letters, outbox
from servicekit.dead_letters import DeadLetter
from servicekit.operations import OperationsServicer
from servicekit.testing.sample_event import SampleHappened
from servicekit.testing.waiting import eventually
from servicekit.v1 import operations_service_pb2 as pb

CONSUMER = "kit-SampleHappened"
IDS = [f"0190a000-0000-7000-8000-00000000000{number}" for number in range(3)]


@pytest.fixture
def operations(database, bus):
    return OperationsServicer(database, bus)


@pytest.fixture
def handled(bus):
    """The numbers that the handler took; it refuses number 1."""
    numbers: list[int] = []

    @bus.on(SampleHappened)
    async def remember(event, uow):
        if event.number == 1:
            raise RuntimeError("still broken")
        numbers.append(event.number)

    return numbers


async def bury(database, *numbers, consumer=CONSUMER, traceparent=None):
    for number in numbers:
        event = SampleHappened(event_id=IDS[number], number=number)
        at = datetime(2026, 1, 1, number, tzinfo=UTC)
        letter = DeadLetter(
            consumer=consumer,
            event_id=event.event_id,
            event_type=event.DESCRIPTOR.full_name,
            payload=event.SerializeToString(),
            error="RuntimeError: broken",
            attempt_count=6,
            first_failed_at=at,
            quarantined_at=at,
            traceparent=traceparent,
        )
        async with database.unit_of_work() as uow:
            await dead_letters.bury(uow.raw, letter)


async def listed(operations, **request):
    response = await operations.ListDeadLetters(pb.ListDeadLettersRequest(**request), None)
    return response.letters


async def test_letters_are_listed_newest_first_by_consumer_and_page(database, operations):
    await bury(database, 0, 1, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    await bury(database, 2, consumer="kit-Other", traceparent="garbage")

    letters = await listed(operations, consumer=CONSUMER)
    assert [letter.event_id for letter in letters] == [IDS[1], IDS[0]]
    assert (letters[0].trace_id, letters[0].attempt_count) == ("a" * 32, 6)
    assert letters[0].quarantined_at.ToDatetime() == datetime(2026, 1, 1, 1)  # noqa: DTZ001 - protobuf's
    assert [letter.trace_id for letter in await listed(operations, page_size=1)] == [""]


async def test_a_replay_handles_what_it_can_and_keeps_what_fails_again(
    database, operations, handled
):
    await bury(database, 0, 1, 2)

    done = await operations.ReplayDeadLetters(pb.ReplayDeadLettersRequest(), None)

    assert (done.handled_count, done.failed_count) == (2, 1)
    assert handled == [0, 2]
    assert [letter.event_id for letter in await listed(operations)] == [IDS[1]]


async def test_a_replay_takes_only_the_events_named_and_runs_an_effect_once(
    database, operations, handled
):
    await bury(database, 0, 2)
    request = pb.ReplayDeadLettersRequest(event_ids=[IDS[2]])
    await operations.ReplayDeadLetters(request, None)
    await bury(database, 2)
    await operations.ReplayDeadLetters(request, None)

    assert handled == [2]
    assert [letter.event_id for letter in await listed(operations)] == [IDS[0]]


async def test_a_letter_of_a_consumer_that_is_no_more_is_kept(database, operations):
    await bury(database, 0, consumer="kit-Gone")

    done = await operations.ReplayDeadLetters(pb.ReplayDeadLettersRequest(), None)

    assert done.failed_count == 1
    assert len(await listed(operations)) == 1


async def test_the_backlog_counts_what_waits_and_not_what_runs(database, operations):
    await bury(database, 0)
    async with database.unit_of_work() as uow:
        uow.publish(SampleHappened(), key="k")
        await dead_letters.record_failure(uow.raw, CONSUMER, IDS[1], error="x", now=uow.now)
        await dead_letters.begin_try(uow.raw, CONSUMER, IDS[1], now=uow.now)

    backlog = await operations.GetBacklog(pb.GetBacklogRequest(), None)

    assert (backlog.outbox_count, backlog.dead_letter_count, backlog.retrying_count) == (1, 1, 1)


async def test_replaying_the_outbox_publishes_kept_rows_again(
    database, bus, relay, operations, running
):
    async with database.unit_of_work() as uow:
        uow.publish(SampleHappened(), key="k")
    async with running(bus, relay):
        await eventually(lambda: _pending_is(database, 0))
        request = pb.ReplayOutboxRequest()
        request.since.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))

        assert (await operations.ReplayOutbox(request, None)).row_count == 1
        await eventually(lambda: _pending_is(database, 0))


async def _pending_is(database, count):
    async with database.raw() as raw:
        return await outbox.pending_count(raw) == count
