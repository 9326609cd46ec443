"""What is kept of reminders and for how long, who is told of the pool, and groups that nobody put."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from leadchain.assignment.v1.pool_events_pb2 import LeadClaimed, LeadPooled, PoolWarning
from notification import subscribers
from notification.commands import books
from notification.commands.books import AddressBook
from notification.commands.groups import GroupWatch
from notification.commands.keeping import Keeper
from notification.commands.privacy import erase_leads
from notification.commands.retention import BATCH_SIZE, Retention
from notification.domain.media import Medium
from notification.domain.people import Person, Standing
from notification.domain.receipts import ReceiptKind, Visit, proved_by
from notification.domain.retention import Kept, first_id_of
from notification.domain.routing import Directory
from notification.domain.sending import SendState
from prometheus_client import REGISTRY
from servicekit.bus import Bus
from servicekit.erasures import Erasures
from servicekit.events import new_id
from servicekit.testing.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification.domain.kinds import Policy
    from servicekit.database import Database
    from servicekit.sealing import KeyRing

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)


def _hearing(database: Database, keeper: Keeper) -> Hearing:
    bus = Bus("nats://127.0.0.1:1", database=database)
    subscribers.subscribe(bus, keeper, Erasures(database, erase_leads, spared=[]))
    return Hearing("notification", database, bus)


@pytest.fixture
def heard(database: Database, keeper: Keeper) -> Hearing:
    return _hearing(database, keeper)


def _dated(event: Any, at: datetime) -> Any:
    event.occurred_at.FromDatetime(at)
    event.received_at.FromDatetime(NOW)
    return event


async def _owner(heard: Hearing, lead_id: str) -> str:
    query = "select owner_id from owners where resource_type = 'lead' and resource_id = $1"
    ((owner_id,),) = await heard.rows(query, lead_id)
    return str(owner_id)


async def test_a_pooled_lead_has_no_owner_until_somebody_claims_it(
    heard: Hearing, assigned: Callable[..., Any]
) -> None:
    event = assigned("rep-01")
    pooled = LeadPooled(lead_id=event.lead_id, previous_owner_id="rep-01", assignment_no=1)
    claimed = LeadClaimed(lead_id=event.lead_id, rep_id="rep-02", previous_owner_id="rep-01")

    await heard.hears(event)
    await heard.hears(_dated(pooled, NOW + timedelta(hours=1)))
    in_the_pool = await _owner(heard, event.lead_id)
    await heard.hears(_dated(claimed, NOW + timedelta(hours=2)))

    assert (in_the_pool, await _owner(heard, event.lead_id)) == ("", "rep-02")


async def test_a_word_of_the_pool_that_comes_late_changes_no_newer_owner(
    heard: Hearing, assigned: Callable[..., Any]
) -> None:
    again = assigned("rep-02", assignment_no=2)
    pooled = LeadPooled(lead_id=again.lead_id, previous_owner_id="rep-01", assignment_no=1)

    await heard.hears(again)
    await heard.hears(_dated(pooled, NOW + timedelta(hours=1)))

    assert await _owner(heard, again.lead_id) == "rep-02"


async def test_the_owner_is_warned_and_the_one_whose_clock_ran_out_is_told(heard: Hearing) -> None:
    lead_id = new_id()
    warning = PoolWarning(lead_id=lead_id, owner_id="rep-01", clock="default")
    lost = LeadPooled(lead_id=lead_id, previous_owner_id="rep-01", reason="contact_overdue")
    released = LeadPooled(lead_id=new_id(), previous_owner_id="rep-01", reason="lapsed")

    for event in (warning, lost, released):
        await heard.hears(_dated(event, NOW))

    told = await heard.rows("select kind_name, person_id from reminders order by kind_name")
    assert told == [("lead_pooled", "rep-01"), ("pool_warning", "rep-01")]


async def test_a_reminder_whose_way_is_clear_is_queued_in_the_same_transaction(
    database: Database, policy: Policy, a_recipient: Callable[..., Person], assigned: Any
) -> None:
    known = {"rep-01": a_recipient("rep-01")}
    calls: list[str] = []
    directory = Directory(known.get, lambda _: Standing.ACTIVE, lambda _: "")
    keeper = Keeper(
        policy,
        directory,
        on_queued=lambda: calls.append("queued"),
        on_due=lambda: calls.append("due"),
    )
    heard = _hearing(database, keeper)
    event = assigned("rep-01")

    for each in (event, event, assigned("rep-02")):
        await heard.hears(each)

    assert await heard.rows("select state from reminders order by state") == [(1,), (4,)]
    assert await heard.rows("select recipient_id, medium from sends") == [("rep-01", "webhook")]
    assert calls == ["queued", "due"]


@pytest.fixture
async def aged(database: Database, keeper: Keeper, a_reminder: Any) -> Callable[..., Any]:
    """Keeps a reminder as it would be after some days: its id is as old as it is."""

    async def keep(days: int, *, state: int = 2, send_state: int = SendState.ACCEPTED) -> UUID:
        at = datetime.now(UTC) - timedelta(days=days)
        id_ = UUID(int=first_id_of(at).int + UUID(new_id()).int % 2**64)
        async with database.unit_of_work() as uow:
            await keeper.add(uow, [a_reminder(reminder_id=id_)])
            await uow.raw.execute(
                "update reminders set state = $1 where reminder_id = $2", state, id_
            )
            await uow.raw.execute(
                """
                insert into sends (send_id, reminder_id, step, medium, device, recipient_id, lane, state,
                                   attempt_count, next_attempt_at, last_reason, last_error, provider_message_id)
                values ($1, $2, 0, 'webhook', '', 'rep-01', 'webhook::rep-01', $3, 0, now(), '', '', '')
                """,
                UUID(new_id()), id_, send_state,
            )  # fmt: skip
            await uow.raw.execute(
                "insert into receipts select send_id, 1, now(), 'answer' from sends where reminder_id = $1",
                id_,
            )
        return id_

    return keep


async def test_old_reminders_are_forgotten_and_pending_ones_never(
    database: Database, aged: Any, heard: Hearing
) -> None:
    await aged(401)
    pending = {await aged(401, state=4), await aged(401, send_state=SendState.QUEUED)}
    young = {await aged(399), await aged(1)}
    retention = Retention(database, Kept(timedelta(days=400), timedelta(days=90)))

    more = await retention.step()

    assert not more
    left = {row[0] for row in await heard.rows("select reminder_id from reminders")}
    assert left == pending | young
    assert await heard.rows("select count(*) from receipts") == [(4,)]


async def test_what_a_card_showed_is_forgotten_earlier(
    database: Database, aged: Any, heard: Hearing
) -> None:
    old, young = await aged(91), await aged(89)
    retention = Retention(database, Kept(timedelta(days=400), timedelta(days=90)))

    await retention.step()
    later = await aged(95)
    await Retention(database, Kept(timedelta(days=400), timedelta(days=90))).step()

    cards = dict(await heard.rows("select reminder_id, convert_from(card, 'UTF8') from reminders"))
    assert (cards[old], cards[later]) == ("{}", "{}")
    assert "8001" in cards[young]


async def test_forgetting_goes_on_until_nothing_is_left(
    database: Database, keeper: Keeper, a_reminder: Any, heard: Hearing
) -> None:
    begun = first_id_of(datetime.now(UTC) - timedelta(days=500)).int
    kept = [a_reminder(reminder_id=UUID(int=begun + n)) for n in range(BATCH_SIZE + 1)]
    async with database.unit_of_work() as uow:
        await keeper.add(uow, kept)
        await uow.raw.execute("update reminders set state = 3")
    retention = Retention(database, Kept(timedelta(days=400), timedelta(days=90)))

    steps = [await retention.step() for _ in range(2)]

    assert steps == [True, False]
    assert await heard.rows("select count(*) from reminders") == [(0,)]


async def test_a_group_that_nobody_put_is_seen_before_its_first_reminder(
    database: Database, keys: KeyRing, policy: Policy, a_recipient: Callable[..., Person]
) -> None:
    async with database.unit_of_work() as uow:
        everybody = [a_recipient(group) for group in policy.groups if group != "operations"]
        await books.put_recipients(uow, everybody, keys=keys)
    book = AddressBook(database, keys)
    await book.refresh()

    await GroupWatch(book, policy).step()

    lacking = [
        group
        for group in policy.groups
        if REGISTRY.get_sample_value("leadchain_reminder_group_missing", {"group": group})
    ]
    assert lacking == ["operations"]


SEEN = Visit(
    kind=ReceiptKind.CLICKED,
    at=NOW,
    is_prefetch=False,
    user_agent="Mozilla/5.0",
    medium=Medium.SMTP,
    accepted_at=NOW - timedelta(seconds=5),
)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, ReceiptKind.CLICKED),
        ({"user_agent": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"}, ReceiptKind.CLICKED),
        ({"accepted_at": None, "medium": Medium.WECOM_APP}, ReceiptKind.CLICKED),
        ({"accepted_at": None}, ReceiptKind.SCANNED),
        ({"accepted_at": NOW - timedelta(seconds=4.9)}, ReceiptKind.SCANNED),
        ({"is_prefetch": True}, ReceiptKind.SCANNED),
        ({"user_agent": "Mimecast Link Check"}, ReceiptKind.SCANNED),
    ],
    ids=["reader", "picture proxy", "tap", "on its way", "at once", "ahead", "named"],
)
def test_a_visit_proves_something_only_where_a_person_made_it(
    changes: dict[str, Any], kind: ReceiptKind
) -> None:
    assert proved_by(replace(SEEN, **changes)) is kind
