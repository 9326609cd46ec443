"""Keeps what was found about items: writes them, publishes what they state, and tells repetitions from inquiries.

A sender's id that comes again is the same item. Without one, what an account's customers said a moment ago is the same
click. Whatever else the same person says is another inquiry, and a lead of its own that later services join.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from lead_intake.domain.leads import Item, Rejected, RejectReason, Understood
from lead_intake.store import items, recent_inquiries
from lead_intake.store.recent_inquiries import Said
from lead_intake.wire import leads as wire
from lead_intake.wire.stamps import stamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from uuid import UUID

    import asyncpg
    from servicekit.database import UnitOfWork
    from servicekit.events import Event

    from lead_intake.accounts import Accounts
    from lead_intake.commands.subjects_admission import People
    from lead_intake.domain.leads import AccountId
    from lead_intake.forms import Forms
    from lead_intake.reading import Lexicons
    from lead_intake.seals import Seals
    from lead_intake.store.items import ItemRecord
    from lead_intake.workers.shape_watch import ShapeWatch

    Keep: TypeAlias = Callable[[asyncpg.Connection, Sequence[ItemRecord]], Awaitable[set[UUID]]]

MAPPED_WITHOUT_PAUSE = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """What deliveries are read with.

    The accounts they came by, the keys, the lexicons; who learns their shapes, which forms their clients filled in, and
    which people are to be left alone.
    """

    accounts: Accounts
    seals: Seals
    lexicons: Lexicons
    shapes: ShapeWatch
    forms: Forms
    people: People


async def keep_items(
    uow: UnitOfWork, found: Sequence[Item], desk: Desk, *, keep: Keep = items.insert
) -> set[UUID]:
    """Writes items and publishes the events of those that were written; returns their ids.

    `keep` is `items.insert` for new ones and `items.settle` for those that waited for what was found.
    """
    if not found:
        return set()
    found = desk.people.admitted(found)
    found = await _without_double_clicks(uow, found, desk.seals)
    records, events = await _written(found, desk.seals)
    kept = await keep(uow.raw, records)
    for item, event in events:
        if item.lead_id in kept:
            stamp(event.occurred_at, uow.now)
            uow.publish(event, key=str(item.lead_id), cause=item.origin.traceparent)
    await desk.people.keep(uow, [item for item in found if item.lead_id in kept])
    if len(kept) < len(records):
        await _count_repetitions(uow, records, kept)
    return kept


async def _written(
    found: Sequence[Item], seals: Seals
) -> tuple[list[ItemRecord], list[tuple[Item, Event]]]:
    records: list[ItemRecord] = []
    events: list[tuple[Item, Event]] = []
    for number, item in enumerate(found, start=1):
        record, event = wire.record_of(item, seals)
        records.append(record)
        if event is not None:
            events.append((item, event))
        if number % MAPPED_WITHOUT_PAUSE == 0:
            await asyncio.sleep(0)
    return records, events


async def _count_repetitions(
    uow: UnitOfWork, records: Sequence[ItemRecord], kept: set[UUID]
) -> None:
    repeated = Counter(
        (record.account_id, record.external_id)
        for record in records
        if record.external_id and record.lead_id not in kept
    )
    if repeated:
        await items.count_repetitions(uow.raw, repeated)


async def _without_double_clicks(
    uow: UnitOfWork, found: Sequence[Item], seals: Seals
) -> list[Item]:
    """The items, of which those that say what was said seconds ago are rejected as duplicates of the first."""
    said = {item.lead_id: _said(item, seals) for item in found if _may_be_clicked_twice(item)}
    if not said:
        return list(found)
    first: dict[tuple[AccountId, bytes], Said] = {}
    for each in said.values():
        first.setdefault((each.account_id, each.digest), each)
    leads = await recent_inquiries.remember(uow.raw, list(first.values()))
    return [
        _marked(item, leads[one.account_id, one.digest])
        if (one := said.get(item.lead_id)) is not None
        else item
        for item in found
    ]


def _may_be_clicked_twice(item: Item) -> bool:
    finding = item.finding
    return isinstance(finding, Understood) and bool(finding.content) and not finding.external_id


def _said(item: Item, seals: Seals) -> Said:
    origin, finding = item.origin, item.finding
    assert isinstance(finding, Understood)
    digest = seals.bodies.of(finding.content.decode("latin-1"))
    window = timedelta(seconds=finding.double_click_s)
    return Said(
        origin.account_id, digest, item.lead_id, origin.received_at, origin.received_at + window
    )


def _marked(item: Item, first_lead_id: UUID) -> Item:
    if first_lead_id == item.lead_id:
        return item
    rejected = Rejected(RejectReason.DUPLICATE, item.finding.external_id, first_lead_id)  # type: ignore[arg-type]
    return replace(item, finding=rejected)
