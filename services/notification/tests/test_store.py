"""Leases, bundles and outcomes on a real database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from notification.commands import books
from notification.commands.keeping import Keeper
from notification.domain.people import Person
from notification.domain.reminders import Reminder, State
from notification.domain.sending import Bundle, SendState
from notification.store import rates, recipients, reminders, sends
from servicekit.database import Database
from servicekit.events import new_id
from servicekit.sealing import KeyRing

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
ABuiltReminder = Callable[..., Reminder]


@pytest.fixture
async def keep(database: Database, keeper: Keeper) -> Callable[[Sequence[Reminder]], Any]:
    """Keeps reminders and queues a webhook for each, as the router does."""

    async def kept(given: Sequence[Reminder]) -> None:
        async with database.unit_of_work() as uow:
            await keeper.add(uow, given)
            people = [(r.reminder_id, r.target.person_id) for r in given]
            moves = [(id_, State.SENDING, 0, uow.now, who, "", "") for id_, who in people]
            await reminders.move(uow.raw, moves)
            queued = [
                (UUID(new_id()), id_, 0, "webhook", "", who, f"webhook::{who}")
                for id_, who in people
            ]
            await sends.queue(uow.raw, queued, now=uow.now)

    return kept


def about(bundle: Bundle) -> list[UUID]:
    """The reminders in a bundle."""
    return [parcel.reminder_id for parcel in bundle.parcels]


async def lease(
    database: Database, *, except_for: Sequence[str] = (), lease_s: float = 30.0, limit: int = 16
) -> list[Bundle]:
    async with database.raw() as raw:
        lanes = [f"webhook::{who}" for who in except_for]
        return await sends.lease(raw, except_for=lanes, lease_s=lease_s, limit=limit)


async def record(
    database: Database, bundle: Bundle, state: SendState, next_at: datetime
) -> set[Any]:
    async with database.unit_of_work() as uow:
        outcome = (bundle.bundle_id, state, bundle.attempt_count + 1, next_at, "", "", "", NOW)
        written = await sends.record(uow.raw, [outcome])
        waits = {parcel.reminder_id: 10.0 for parcel in bundle.parcels}
        await reminders.settle(uow.raw, waits, now=uow.now)
        return written


async def test_reminders_for_one_recipient_are_leased_as_one_bundle(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    mine, yours = [a_reminder("rep-01") for _ in range(3)], [a_reminder("rep-02")]
    await keep([*mine, *yours])

    bundles = {bundle.recipient_id: bundle for bundle in await lease(database)}

    assert about(bundles["rep-01"]) == [each.reminder_id for each in mine]
    assert about(bundles["rep-02"]) == [each.reminder_id for each in yours]
    assert bundles["rep-01"].bundle_id == bundles["rep-01"].parcels[0].send_id


async def test_a_bundle_holds_fifty_reminders_at_most(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder() for _ in range(120)])

    sizes = [len(bundle.parcels) for _ in range(3) for bundle in await lease(database)]

    assert sizes == [50, 50, 20]


async def test_what_is_leased_is_not_leased_again_until_the_lease_is_over(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder(), a_reminder()])
    first = await lease(database, lease_s=30)
    held = await lease(database)
    async with database.raw() as raw:
        await raw.execute("update sends set leased_until = now() - interval '1 s'")

    again = await lease(database)

    assert held == []
    assert [b.bundle_id for b in again] == [b.bundle_id for b in first]
    assert again[0].parcels == first[0].parcels


async def test_a_retried_bundle_keeps_its_id_and_its_reminders_when_more_have_come(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder(), a_reminder()])
    (first,) = await lease(database)
    await record(database, first, SendState.QUEUED, NOW)
    await keep([a_reminder()])

    again = {bundle.bundle_id: bundle for bundle in await lease(database)}

    assert len(again) == 2
    assert again[first.bundle_id].parcels == first.parcels
    assert again[first.bundle_id].attempt_count == 1


async def test_a_bundle_that_is_to_be_tried_later_waits(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder()])
    (bundle,) = await lease(database)
    await record(database, bundle, SendState.QUEUED, datetime.now(UTC) + timedelta(hours=1))

    assert await lease(database) == []


async def test_a_recipient_who_is_busy_is_left_out(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder("rep-01"), a_reminder("rep-02")])

    bundles = await lease(database, except_for=["rep-01"])

    assert [bundle.recipient_id for bundle in bundles] == ["rep-02"]


async def test_the_longest_waiting_recipients_come_first_when_few_can_be_served(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder("rep-09"), a_reminder("rep-01"), a_reminder("rep-09")])

    bundles = await lease(database, limit=1)

    assert [bundle.recipient_id for bundle in bundles] == ["rep-09"]


async def test_an_outcome_is_written_once_for_the_whole_bundle(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder(), a_reminder()])
    (bundle,) = await lease(database)

    first = await record(database, bundle, SendState.ACCEPTED, NOW)
    second = await record(database, bundle, SendState.REFUSED, NOW)

    assert first == {parcel.send_id for parcel in bundle.parcels}
    assert second == set()
    async with database.raw() as raw:
        counts = await reminders.counts_by_state(raw)
    assert counts[State.AWAITING] == 2


async def test_one_assignment_is_reminded_of_once(
    database: Database, keeper: Keeper, a_reminder: ABuiltReminder
) -> None:
    reminder = a_reminder()
    again = a_reminder(lead_id=reminder.subject.lead_id)
    async with database.unit_of_work() as uow:
        await keeper.add(uow, [reminder])
        await keeper.add(uow, [again])

    async with database.raw() as raw:
        rows = await reminders.of_lead(raw, reminder.subject.lead_id)

    assert [row["reminder_id"] for row in rows] == [reminder.reminder_id]


@pytest.fixture
def book(database: Database, keys: KeyRing) -> books.AddressBook:
    return books.AddressBook(database, keys)


async def test_a_recipient_is_kept_sealed_and_found_again(
    database: Database,
    keys: KeyRing,
    book: books.AddressBook,
    a_recipient: Callable[..., Person],
) -> None:
    recipient = a_recipient("rep-01")
    async with database.unit_of_work() as uow:
        changed = await books.put_recipients(uow, [recipient], keys=keys)
    await book.refresh()

    async with database.raw() as raw:
        sealed = await raw.fetchval("select sealed_secret from recipients")

    assert changed == 1
    assert book.person("rep-01") == recipient
    assert b"s" * 32 not in sealed


async def test_putting_the_same_recipient_again_changes_nothing(
    database: Database, keys: KeyRing, a_recipient: Callable[..., Person]
) -> None:
    people = [a_recipient("rep-01"), a_recipient("rep-02")]
    async with database.unit_of_work() as uow:
        await books.put_recipients(uow, people, keys=keys)

    moved = a_recipient("rep-02", url="https://elsewhere.example/")
    async with database.unit_of_work() as uow:
        changed = await books.put_recipients(uow, [people[0], moved], keys=keys)

    assert changed == 1


async def test_a_disabled_recipient_comes_back_when_it_is_put_again(
    database: Database,
    keys: KeyRing,
    book: books.AddressBook,
    a_recipient: Callable[..., Person],
) -> None:
    async with database.unit_of_work() as uow:
        await books.put_recipients(uow, [a_recipient()], keys=keys)
        await recipients.disable_webhooks(uow.raw, ["rep-01"], now=uow.now)
    await book.refresh()
    while_disabled = book.person("rep-01")

    async with database.unit_of_work() as uow:
        changed = await books.put_recipients(uow, [a_recipient()], keys=keys)
    await book.refresh()

    assert while_disabled is None
    assert changed == 1
    assert book.person("rep-01") == a_recipient()


async def test_no_minute_sees_more_messages_than_a_robot_may_say(database: Database) -> None:
    granted: list[int] = []
    async with database.unit_of_work() as uow:
        for second in range(200):
            waits = await rates.take(uow.raw, [("robot", 20)], now=NOW + timedelta(seconds=second))
            if not waits["robot"]:
                granted.append(second)

    busiest = max(sum(1 for at in granted if begin <= at < begin + 60) for begin in granted)
    assert busiest <= 20
    assert len(granted) >= 45
