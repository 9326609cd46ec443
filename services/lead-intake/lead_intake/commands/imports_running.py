"""Lets the rows of one chunk in: reads them, folds those of one key, and keeps what is new, in one transaction.

Hidden decision: what the same key means. A row whose key is known is no second lead: it states the known one anew,
unless that says the same already or was stated later than the row. Chunks may be taken in any order, so their ids,
which grow with the file and with time, say what is later.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

import uuid_utils
from leadchain.intake.v1 import events_pb2, import_events_pb2

from lead_intake.commands.keeping import keep_items
from lead_intake.domain.imports import Counts, Outcome, Refusal
from lead_intake.domain.leads import (
    DeliveryId,
    Item,
    ItemState,
    LeadId,
    Origin,
    Quarantined,
    Rejected,
    RejectReason,
    Trust,
    Understood,
)
from lead_intake.importing.rows import read_row
from lead_intake.importing.sealed_rows import open_rows, seal_refused
from lead_intake.store import imports_chunks, items
from lead_intake.store.imports_chunks import Restatement
from lead_intake.wire import imports as wire
from lead_intake.wire.inquiries import lead_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg
    from leadchain.intake.v1.events_pb2 import LeadFacts
    from servicekit.database import UnitOfWork

    from lead_intake.commands.keeping import Desk
    from lead_intake.importing.columns import Columns
    from lead_intake.importing.rows import ReadRow
    from lead_intake.seals import Seals
    from lead_intake.store.imports_chunks import KnownItem, WaitingChunk
    from lead_intake.store.items import ItemRecord

ROWS_WITHOUT_PAUSE = 20


@dataclass(slots=True)
class Folded:
    """Rows of a chunk with one row for each key, and those that were refused or replaced by a later one.

    An understood row goes before a refused one of the same key.
    """

    rows: dict[str, ReadRow] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def add(self, row: ReadRow) -> None:
        """Takes the next row."""
        before = self.rows.get(row.key)
        if isinstance(row.finding, Understood):
            if before is not None and isinstance(before.finding, Understood):
                self.outcomes[Outcome.DUPLICATE] += 1
            self.rows[row.key] = row
            return
        outcome, reason, place = refusal_of(row)
        self.outcomes[outcome] += 1
        # Of people who are to be left alone nothing is given back.
        cells = () if reason == RejectReason.SUPPRESSED else row.cells
        self.refused.append(Refusal(row.number, reason, place, cells))
        if before is None:
            self.rows[row.key] = row


async def run_chunk(
    uow: UnitOfWork, chunk: WaitingChunk, columns: Columns, *, desk: Desk
) -> Counts:
    """Gives every row of a chunk its outcome; returns how many met which."""
    read: list[ReadRow] = []
    numbered = open_rows(desk.seals.ring, chunk.rows, chunk.chunk_id)
    for count, (number, cells) in enumerate(numbered, start=1):
        read.append(read_row(number, cells, columns, lexicons=desk.lexicons, seals=desk.seals))
        if count % ROWS_WITHOUT_PAUSE == 0:
            await asyncio.sleep(0)
    origin = _origin(chunk, columns, uow.now)
    folded = Folded()
    for row in admitted(read, origin, desk=desk):
        folded.add(row)
    keeping = _Keeping(uow, chunk, origin, desk, folded)
    await keeping.keep()
    found = folded.outcomes
    counts = Counts(**{outcome.value: found[outcome] for outcome in Outcome})
    refused = seal_refused(desk.seals.ring, folded.refused, chunk.chunk_id)
    await imports_chunks.done(uow.raw, chunk.chunk_id, counts, refused=refused)
    return counts


def admitted(rows: Sequence[ReadRow], origin: Origin, *, desk: Desk) -> list[ReadRow]:
    """The rows; those of people who are left alone are rejected as suppressed."""
    items_of = [Item(LeadId(UUID(int=0)), 1, origin, row.finding) for row in rows]
    found = desk.people.admitted(items_of)
    return [
        row if item.finding is row.finding else replace(row, finding=item.finding)
        for row, item in zip(rows, found, strict=True)
    ]


def refusal_of(row: ReadRow) -> tuple[Outcome, str, str]:
    """Outcome, reason and field of a row that was not understood."""
    match row.finding:
        case Rejected(reason):
            return Outcome.REJECTED, reason, ""
        case Quarantined(reason, detail):
            return Outcome.QUARANTINED, reason, detail
        case _:
            raise TypeError("the row was understood")


def restated(row: ReadRow, known: KnownItem, item: Item, *, seals: Seals) -> LeadFacts | None:
    """What an understood row says about a known item; None where it says nothing new or must not.

    `item` is the row under the known item's id.
    """
    if known.state not in (ItemState.ACCEPTED, ItemState.QUARANTINED):
        return None
    finding = row.finding
    assert isinstance(finding, Understood)
    facts = lead_facts(item, finding.inquiry, finding.external_id or "", seals)
    inquired_at = finding.inquiry.inquired_at
    if known.facts is not None and wire.says_the_same(
        known.facts, facts, item.lead_id, seals=seals, inquired_at=inquired_at
    ):
        return None
    return facts


def outcome_of(known: KnownItem, facts: LeadFacts | None, *, import_id: UUID) -> Outcome:
    """How a row counts that says `facts` about a known item: once in an import, whatever later rows change."""
    if facts is None or (known.import_id == import_id and known.state == ItemState.ACCEPTED):
        return Outcome.DUPLICATE
    return Outcome.ACCEPTED if known.state == ItemState.QUARANTINED else Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class _Restated:
    """A known item that is to say something else."""

    item: Item
    restatement: Restatement
    facts: LeadFacts
    outcome: Outcome
    is_first: bool


class _Keeping:
    """The writing part of one chunk."""

    def __init__(
        self, uow: UnitOfWork, chunk: WaitingChunk, origin: Origin, desk: Desk, folded: Folded
    ) -> None:
        self._uow = uow
        self._chunk = chunk
        self._origin = origin
        self._desk = desk
        self._folded = folded
        self._position = 0

    async def keep(self) -> None:
        """Keeps what is new, then states anew what was known, or became known meanwhile by another chunk."""
        rows = self._folded.rows
        known = await self._known(list(rows))
        late = await self._insert([row for key, row in rows.items() if key not in known])
        if late:
            known |= await self._known(late)
        await self._restate(known)

    async def _known(self, keys: Sequence[str]) -> dict[str, KnownItem]:
        return await imports_chunks.known(self._uow.raw, self._chunk.account_id, sorted(keys))

    async def _insert(self, rows: Sequence[ReadRow]) -> list[str]:
        """Adds rows as items; the keys of those that another transaction added first."""
        keys: dict[UUID, str] = {}
        made: list[Item] = []
        for row in sorted(rows, key=lambda each: each.key):
            item = self._item(row, _new_lead_id())
            keys[item.lead_id] = row.key
            made.append(item)

        async def keyed(raw: asyncpg.Connection, records: Sequence[ItemRecord]) -> set[UUID]:
            return await items.insert(raw, [_keyed(each, keys[each.lead_id]) for each in records])

        kept = await keep_items(self._uow, made, self._desk, keep=keyed)
        for item in made:
            if item.lead_id in kept and isinstance(item.finding, Understood):
                self._folded.outcomes[Outcome.ACCEPTED] += 1
        return [keys[item.lead_id] for item in made if item.lead_id not in kept]

    async def _restate(self, known: Mapping[str, KnownItem]) -> None:
        stated: dict[UUID, _Restated] = {}
        for key, item in known.items():
            row = self._folded.rows[key]
            if not isinstance(row.finding, Understood):
                continue
            decided = self._decided(row, item)
            if decided is None:
                self._folded.outcomes[Outcome.DUPLICATE] += 1
            else:
                stated[item.lead_id] = decided
        if not stated:
            return
        restatements = [each.restatement for each in stated.values()]
        done = await imports_chunks.restate(self._uow.raw, restatements)
        await self._desk.people.keep(
            self._uow, [each.item for each in stated.values() if each.item.lead_id in done]
        )
        for lead_id, each in stated.items():
            self._folded.outcomes[each.outcome if lead_id in done else Outcome.DUPLICATE] += 1
            if lead_id in done:
                self._publish(lead_id, each.facts, is_first=each.is_first)

    def _decided(self, row: ReadRow, known: KnownItem) -> _Restated | None:
        if known.delivery_id > self._chunk.chunk_id:
            return None
        item = self._item(row, LeadId(known.lead_id))
        facts = restated(row, known, item, seals=self._desk.seals)
        if facts is None:
            return None
        is_first = known.state == ItemState.QUARANTINED
        is_made_here = known.import_id == self._chunk.import_id and known.position > 0
        restatement = Restatement(
            known.lead_id,
            facts.SerializeToString(),
            self._chunk.chunk_id,
            # Position 0 keeps an undo away from leads that an import did not make.
            item.position if is_made_here or is_first else 0,
            self._origin.mapping_version,
        )
        outcome = outcome_of(known, facts, import_id=self._chunk.import_id)
        return _Restated(item, restatement, facts, outcome, is_first)

    def _publish(self, lead_id: UUID, facts: LeadFacts, *, is_first: bool) -> None:
        event: events_pb2.LeadReceived | import_events_pb2.InquiryRepeated
        if is_first:
            event = events_pb2.LeadReceived(lead_id=str(lead_id), facts=facts)
        else:
            event = import_events_pb2.InquiryRepeated(
                lead_id=str(lead_id), facts=facts, import_id=str(self._chunk.import_id)
            )
        self._uow.publish(event, key=str(lead_id))

    def _item(self, row: ReadRow, lead_id: LeadId) -> Item:
        self._position += 1
        return Item(lead_id, self._position, self._origin, row.finding)


def _origin(chunk: WaitingChunk, columns: Columns, now: datetime) -> Origin:
    return Origin(
        delivery_id=DeliveryId(chunk.chunk_id),
        account_id=chunk.account_id,
        account=chunk.account,
        channel=chunk.channel,
        trust=Trust.WEAK,
        mapping_version=columns.template.version,
        received_at=now,
        traceparent=None,
    )


def _keyed(record: ItemRecord, key: str) -> ItemRecord:
    return record if record.external_id == key else replace(record, external_id=key)


def _new_lead_id() -> LeadId:
    return LeadId(UUID(bytes=uuid_utils.uuid7().bytes))
