"""Leases, bundles and outcomes on a real database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from notification import commands, store
from notification.domain import Bundle, Recipient, Reminder, State
from servicekit.database import Database
from servicekit.sealing import KeyRing

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
ABuiltReminder = Callable[..., Reminder]


@pytest.fixture
async def keep(database: Database) -> Callable[[Sequence[Reminder]], Any]:
    async def kept(reminders: Sequence[Reminder]) -> None:
        async with database.unit_of_work() as uow:
            await commands.keep_reminders(uow, reminders)

    return kept


async def lease(
    database: Database, *, except_for: Sequence[str] = (), lease_s: float = 30.0, limit: int = 16
) -> list[Bundle]:
    async with database.raw() as raw:
        return await store.lease(raw, except_for=list(except_for), lease_s=lease_s, limit=limit)


async def record(database: Database, bundle: Bundle, state: State, next_at: datetime) -> set[Any]:
    async with database.unit_of_work() as uow:
        outcome = (bundle.webhook_id, state, bundle.attempt_count + 1, next_at, "", NOW)
        return await store.record(uow.raw, [outcome])


async def test_reminders_for_one_recipient_are_leased_as_one_bundle(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    mine, yours = [a_reminder("rep-01") for _ in range(3)], [a_reminder("rep-02")]
    await keep([*mine, *yours])

    bundles = {bundle.recipient_id: bundle for bundle in await lease(database)}

    assert bundles["rep-01"].reminders == mine
    assert bundles["rep-02"].reminders == yours
    assert bundles["rep-01"].webhook_id == mine[0].reminder_id


async def test_a_bundle_holds_fifty_reminders_at_most(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder() for _ in range(120)])

    sizes = [len(bundle.reminders) for _ in range(3) for bundle in await lease(database)]

    assert sizes == [50, 50, 20]


async def test_what_is_leased_is_not_leased_again_until_the_lease_is_over(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder(), a_reminder()])
    first = await lease(database, lease_s=30)
    held = await lease(database)
    async with database.raw() as raw:
        await raw.execute("update reminders set leased_until = now() - interval '1 s'")

    again = await lease(database)

    assert held == []
    assert [b.webhook_id for b in again] == [b.webhook_id for b in first]
    assert again[0].reminders == first[0].reminders


async def test_a_retried_bundle_keeps_its_id_and_its_reminders_when_more_have_come(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder(), a_reminder()])
    (first,) = await lease(database)
    await record(database, first, State.DUE, NOW)
    await keep([a_reminder()])

    again = {bundle.webhook_id: bundle for bundle in await lease(database)}

    assert len(again) == 2
    assert again[first.webhook_id].reminders == first.reminders
    assert again[first.webhook_id].attempt_count == 1


async def test_a_bundle_that_is_to_be_tried_later_waits(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    await keep([a_reminder()])
    (bundle,) = await lease(database)
    await record(database, bundle, State.DUE, datetime.now(UTC) + timedelta(hours=1))

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
    reminders = [a_reminder(), a_reminder()]
    await keep(reminders)
    (bundle,) = await lease(database)

    first = await record(database, bundle, State.DELIVERED, NOW)
    second = await record(database, bundle, State.FAILED, NOW)

    assert first == {reminder.reminder_id for reminder in reminders}
    assert second == set()
    async with database.raw() as raw:
        assert await store.counts_by_state(raw) == {
            State.DUE: 0,
            State.DELIVERED: 2,
            State.FAILED: 0,
        }


async def test_one_assignment_is_reminded_of_once(
    database: Database, keep: Any, a_reminder: ABuiltReminder
) -> None:
    reminder = a_reminder()
    again = a_reminder(lead_id=reminder.lead_id)
    await keep([reminder])
    await keep([again])

    async with database.raw() as raw:
        rows = await store.of_lead(raw, reminder.lead_id)

    assert [row["reminder_id"] for row in rows] == [reminder.reminder_id]


@pytest.fixture
def book(database: Database, keys: KeyRing) -> commands.RecipientBook:
    return commands.RecipientBook(database, keys)


async def test_a_recipient_is_kept_sealed_and_found_again(
    database: Database,
    keys: KeyRing,
    book: commands.RecipientBook,
    a_recipient: Callable[..., Recipient],
) -> None:
    recipient = a_recipient("rep-01")
    async with database.unit_of_work() as uow:
        changed = await commands.put_recipients(uow, [recipient], keys=keys)
    await book.refresh()

    async with database.raw() as raw:
        sealed = await raw.fetchval("select sealed_secret from recipients")

    assert changed == 1
    assert book.get("rep-01") == recipient
    assert recipient.secret not in sealed


async def test_putting_the_same_recipient_again_changes_nothing(
    database: Database, keys: KeyRing, a_recipient: Callable[..., Recipient]
) -> None:
    recipients = [a_recipient("rep-01"), a_recipient("rep-02")]
    async with database.unit_of_work() as uow:
        await commands.put_recipients(uow, recipients, keys=keys)

    moved = a_recipient("rep-02", url="https://elsewhere.example/")
    async with database.unit_of_work() as uow:
        changed = await commands.put_recipients(uow, [recipients[0], moved], keys=keys)

    assert changed == 1


async def test_a_disabled_recipient_comes_back_when_it_is_put_again(
    database: Database,
    keys: KeyRing,
    book: commands.RecipientBook,
    a_recipient: Callable[..., Recipient],
) -> None:
    async with database.unit_of_work() as uow:
        await commands.put_recipients(uow, [a_recipient()], keys=keys)
        await store.disable(uow.raw, ["rep-01"], now=uow.now)
    await book.refresh()
    while_disabled = book.get("rep-01")

    async with database.unit_of_work() as uow:
        changed = await commands.put_recipients(uow, [a_recipient()], keys=keys)
    await book.refresh()

    assert while_disabled is None
    assert changed == 1
    assert book.get("rep-01") == a_recipient()
