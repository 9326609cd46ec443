"""Taking what devices changed. A person syncs their own records only: the owner is whoever calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from servicekit.errors import Invalid

from lead_intake.domain.sync import (
    CHANGES_MAX,
    RECORDS_MAX,
    Change,
    Outcome,
    Record,
    RecordKey,
    fault,
    merged,
)
from lead_intake.store import sync as store
from lead_intake.wire import sync as wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from lead_intake.domain.sync import Conflict
    from lead_intake.seals import Seals
    from lead_intake.store.sync import KnownChange


@dataclass(frozen=True, slots=True)
class Refused:
    """A change that could not be read."""

    change_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one change."""

    change_id: str
    outcome: Outcome
    version: int = 0
    conflicts: tuple[Conflict, ...] = ()
    reason: str = ""


async def push(
    uow: UnitOfWork, owner_id: str, changes: Sequence[Change | Refused], seals: Seals
) -> list[Result]:
    """Takes the changes of one person in their order; what cannot be taken is refused singly.

    Raises `Invalid` for none or more than 500 at once.
    """
    if not 0 < len(changes) <= CHANGES_MAX:
        raise Invalid(f"1 to {CHANGES_MAX} changes at once")
    position = await store.lock_owner(uow.raw, owner_id)
    batch = _Batch(uow, owner_id, seals, position)
    await batch.load([change for change in changes if isinstance(change, Change)])
    results = [batch.take(change) for change in changes]
    await batch.write()
    return results


class _Batch:
    """The records of one push: as they were, as they become, and the changes that did it."""

    def __init__(self, uow: UnitOfWork, owner_id: str, seals: Seals, position: int) -> None:
        self._uow = uow
        self._owner_id = owner_id
        self._seals = seals
        self._position = position
        self._records: dict[RecordKey, Record] = {}
        self._room = 0
        self._known: dict[UUID, KnownChange] = {}
        self._taken: dict[UUID, tuple[Change, int, tuple[Conflict, ...]]] = {}

    async def load(self, changes: Sequence[Change]) -> None:
        """Reads the records that are changed, and which changes were taken before."""
        raw, owner_id = self._uow.raw, self._owner_id
        keys = sorted({change.key for change in changes})
        for sealed in await store.records(raw, owner_id, keys):
            opened = self._seals.ring.open(sealed.sealed_fields, self._context(sealed.key))
            self._records[sealed.key] = wire.record(opened, version=sealed.version)
        ids = [change.change_id for change in changes]
        self._known = await store.known_changes(raw, owner_id, ids)
        self._room = RECORDS_MAX - await store.record_count(raw, owner_id)

    def take(self, change: Change | Refused) -> Result:
        """Merges one change into its record."""
        if isinstance(change, Refused):
            return Result(change.change_id, Outcome.REFUSED, reason=change.reason)
        change_id = str(change.change_id)
        known = self._known.get(change.change_id)
        if known is not None:
            return Result(change_id, Outcome.REPEATED, known.version, self._conflicts_of(known))
        if change.change_id in self._taken:
            _, version, conflicts = self._taken[change.change_id]
            return Result(change_id, Outcome.REPEATED, version, conflicts)
        reason = fault(change, now=self._uow.now) or self._shortage(change)
        if reason:
            return Result(change_id, Outcome.REFUSED, reason=reason)
        record, conflicts = merged(self._records.get(change.key, Record()), change)
        self._records[change.key] = record
        self._taken[change.change_id] = (change, record.version, conflicts)
        outcome = Outcome.CONFLICT if conflicts else Outcome.APPLIED
        return Result(change_id, outcome, record.version, conflicts)

    async def write(self) -> None:
        """Writes records and changes, and publishes what has changed."""
        if not self._taken:
            return
        raw, now = self._uow.raw, self._uow.now
        keys = dict.fromkeys(change.key for change, _, _ in self._taken.values())
        writes = [self._record_write(key) for key in keys]
        await store.put_records(raw, self._owner_id, writes, now=now)
        await store.add_changes(raw, self._owner_id, self._change_writes(), now=now)
        await store.move_owner(raw, self._owner_id, self._position)
        for change, _, _ in self._taken.values():
            event = wire.record_changed(change, self._owner_id, self._seals, now=now)
            self._uow.publish(event, key=f"{self._owner_id}/{change.key.record_id}"[:200])

    def _shortage(self, change: Change) -> str:
        if change.key in self._records:
            return ""
        self._room -= 1
        return "too_many_records" if self._room < 0 else ""

    def _record_write(self, key: RecordKey) -> store.RecordWrite:
        record = self._records[key]
        self._position += 1
        return store.RecordWrite(
            *key,
            record.version,
            self._position,
            wire.modified_at(record),
            record.is_deleted,
            self._seals.ring.seal(wire.record_bytes(record), self._context(key)),
        )

    def _change_writes(self) -> list[store.ChangeWrite]:
        return [
            store.ChangeWrite(
                change.change_id,
                *change.key,
                change.client_id,
                change.base_version,
                version,
                change.modified_at,
                change.is_deleted,
                self._seals.ring.seal(
                    msgspec.json.encode(dict(change.fields)), change.change_id.bytes
                ),
                self._seals.ring.seal(wire.conflicts_bytes(conflicts), change.change_id.bytes),
            )
            for change, version, conflicts in self._taken.values()
        ]

    def _conflicts_of(self, known: KnownChange) -> tuple[Conflict, ...]:
        return wire.conflicts(self._seals.ring.open(known.sealed_conflicts, known.change_id.bytes))

    def _context(self, key: RecordKey) -> bytes:
        return context_of(self._owner_id, key)


def context_of(owner_id: str, key: RecordKey) -> bytes:
    """What a record's fields are sealed for: this person's record and no other."""
    return msgspec.json.encode(["synced_records", owner_id, *key])
