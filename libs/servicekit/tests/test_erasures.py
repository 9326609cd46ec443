"""What is forgotten stays forgotten: sent events and dead letters too, and whatever comes late."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from servicekit import dead_letters
from servicekit.database import Database
from servicekit.dead_letters import DeadLetter
from servicekit.erasures import PART_BYTES_MAX, Erased, Erasures, asked, erasures_table, parts
from servicekit.errors import InvalidMessage
from servicekit.events import new_id
from servicekit.testing.sample_event import SampleHappened
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from servicekit.database import UnitOfWork

START = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The time that the test has set."""
        return self.now


class Forgetful:
    """A service that notes what it was to forget."""

    def __init__(self) -> None:
        self.erased: list[list[UUID]] = []

    async def erase(self, _uow: UnitOfWork, keys: Sequence[UUID]) -> Erased:
        """Notes the keys."""
        self.erased.append(list(keys))
        return Erased(1, ("a ledger",))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(database: Database, clock: Clock) -> AsyncIterator[Database]:
    engine = create_async_engine(database.url.replace("postgresql://", "postgresql+asyncpg://", 1))
    metadata = MetaData()
    erasures_table(metadata)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    opened = Database(database.url, service="kit", clock=clock)
    await opened.start()
    yield opened
    await opened.stop()


async def carried_out(erasures: Erasures, database: Database, *keys: UUID) -> Erased:
    async with database.unit_of_work() as uow:
        return await erasures.carry_out(uow, UUID(new_id()), keys)


async def test_sent_events_and_dead_letters_of_a_key_go_and_others_stay(timed: Database) -> None:
    key, other = UUID(new_id()), UUID(new_id())
    async with timed.unit_of_work() as uow:
        for about in (key, other):
            uow.publish(SampleHappened(), key=str(about))
            await dead_letters.bury(uow.raw, a_letter(about, event_type="LeadReceived"))
        await dead_letters.bury(uow.raw, a_letter(key, event_type="Asked"))
    async with timed.unit_of_work() as uow:
        await uow.raw.execute("update outbox set published_at = now()")

    erased = await carried_out(Erasures(timed, Forgetful().erase, spared=["Asked"]), timed, key)

    assert erased == Erased(3, ("a ledger",))
    async with timed.raw() as raw:
        assert [row[0] for row in await raw.fetch("select key from outbox")] == [str(other)]
        kept = {
            (letter.event_type, letter.payload) for letter in await dead_letters.list_letters(raw)
        }
    assert kept == {("LeadReceived", str(other).encode()), ("Asked", str(key).encode())}


async def test_an_event_that_has_yet_to_leave_stays(timed: Database) -> None:
    key = UUID(new_id())
    async with timed.unit_of_work() as uow:
        uow.publish(SampleHappened(), key=str(key))

    await carried_out(Erasures(timed, Forgetful().erase, spared=[]), timed, key)

    async with timed.raw() as raw:
        assert await raw.fetchval("select count(*) from outbox") == 1


async def test_an_erasure_is_repeated_until_the_streams_have_forgotten_too(
    timed: Database, clock: Clock
) -> None:
    service, key = Forgetful(), UUID(new_id())
    erasures = Erasures(timed, service.erase, spared=[])
    await carried_out(erasures, timed, key)

    seen = []
    for later in (30, 61, 3601, 90_000, 8 * 86_400 + 1, 30 * 86_400):
        clock.now = START + timedelta(seconds=later)
        await erasures.step()
        seen.append(len(service.erased))

    assert seen == [1, 2, 3, 4, 5, 5]
    assert service.erased == [[key]] * 5


async def test_a_request_that_comes_twice_is_remembered_once(timed: Database) -> None:
    erasures = Erasures(timed, Forgetful().erase, spared=[])
    request_id = UUID(new_id())

    for _ in range(2):
        async with timed.unit_of_work() as uow:
            await erasures.carry_out(uow, request_id, [UUID(new_id())])

    async with timed.raw() as raw:
        assert await raw.fetchval("select count(*) from erasures") == 1


def test_an_answer_is_cut_into_parts_that_fit_an_event() -> None:
    records = [{"text": "x" * (PART_BYTES_MAX // 3)} for _ in range(7)]

    cut = parts(records)

    assert [(part.number, part.part_count) for part in cut] == [(n, 4) for n in range(1, 5)]
    assert all(len(part.records) < 2 * PART_BYTES_MAX for part in cut)
    assert [record for part in cut for record in json.loads(part.records)] == records


def test_an_answer_without_records_has_one_part() -> None:
    assert [part.records for part in parts([])] == [b"[]"]


def test_a_request_that_names_no_key_is_never_handled() -> None:
    with pytest.raises(InvalidMessage):
        asked(new_id(), ["not a UUID"])


def a_letter(about: UUID, *, event_type: str) -> DeadLetter:
    return DeadLetter(
        consumer="kit", event_id=new_id(), event_type=event_type, payload=str(about).encode(),
        error="", attempt_count=1, first_failed_at=START, quarantined_at=START, traceparent=None,
    )  # fmt: skip
