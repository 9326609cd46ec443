"""Offline sync (IN-20): of each field of a record, the value that was modified last wins. Pure.

Merging is commutative: the same changes in any order leave the same record, because every field carries the stamp of
the change that wrote it and a deletion is a stamp too. What gives way is reported and stays in the history.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

CHANGES_MAX = 500
FIELDS_BYTES_MAX = 32 * 1024
FIELDS_MAX = 200
RECORDS_MAX = 50_000
"""Records of one person, tombstones included."""

CLOCK_AHEAD_MAX = timedelta(minutes=5)
WINDOW = timedelta(days=30)
"""How long a tombstone is shown and a repeated change is known."""

DELETION = ""
"""The name under which a conflict with a deletion is reported."""

_COLLECTION = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_NAME_LENGTH_MAX = 100


class Outcome(IntEnum):
    """What became of a change; the numbers are those of the contract."""

    APPLIED = 1
    CONFLICT = 2
    REPEATED = 3
    REFUSED = 4


class Stamp(NamedTuple):
    """When and by which change something was written; stamps are ordered, and no two are equal."""

    modified_at_us: int
    client_id: str
    change_id: str


class Written(NamedTuple):
    """A field's value, its stamp, and the record's version since which it stands there."""

    value: Any
    stamp: Stamp
    version: int


class RecordKey(NamedTuple):
    """Which of a person's records."""

    collection: str
    record_id: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is: its fields, and the stamp of its last deletion (None where it never was deleted)."""

    version: int = 0
    fields: Mapping[str, Written] = field(default_factory=lambda: MappingProxyType({}))
    deleted: Written | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether nothing was written since it was deleted."""
        return self.deleted is not None and not self.fields


@dataclass(frozen=True, slots=True)
class Change:
    """One change as a device made it. `fields` is empty for a deletion. `repr` reveals nothing of them."""

    change_id: UUID
    client_id: str
    key: RecordKey
    fields: Mapping[str, Any] = field(repr=False)
    modified_at: datetime
    base_version: int
    is_deleted: bool

    @property
    def stamp(self) -> Stamp:
        """The change's place among all changes."""
        return Stamp(
            int(self.modified_at.timestamp() * 1_000_000), self.client_id, str(self.change_id)
        )


class Conflict(NamedTuple):
    """A field that was changed in two places: which value is in force, and which gave way."""

    field: str
    winner: Written
    loser: Written


class Merged(NamedTuple):
    """A record after a change, and what was changed in two places."""

    record: Record
    conflicts: tuple[Conflict, ...]


def fault(change: Change, *, now: datetime) -> str:
    """A short code of why a change cannot be taken; empty when it can."""
    verdicts = {
        "bad_client_id": not 0 < len(change.client_id) <= _NAME_LENGTH_MAX,
        "bad_collection": _COLLECTION.fullmatch(change.key.collection) is None,
        "bad_record_id": not 0 < len(change.key.record_id) <= _NAME_LENGTH_MAX,
        "deletion_with_fields": change.is_deleted and bool(change.fields),
        "no_fields": not change.is_deleted and not change.fields,
        "too_many_fields": len(change.fields) > FIELDS_MAX,
        "clock_ahead": change.modified_at > now + CLOCK_AHEAD_MAX,
    }
    return next((code for code, is_wrong in verdicts.items() if is_wrong), "")


def merged(record: Record, change: Change) -> Merged:
    """The record after `change`; its version grows by one, whoever won."""
    version = record.version + 1
    if change.is_deleted:
        return _deleted(record, change, version)
    return _updated(record, change, version)


def _deleted(record: Record, change: Change, version: int) -> Merged:
    deletion = Written(None, change.stamp, version)
    newest = _newer(record.deleted, deletion)
    kept = {
        name: written for name, written in record.fields.items() if written.stamp > newest.stamp
    }
    conflicts = tuple(
        Conflict(name, written, deletion)
        for name, written in kept.items()
        if written.version > change.base_version
    )
    return Merged(Record(version, MappingProxyType(kept), newest), conflicts)


def _updated(record: Record, change: Change, version: int) -> Merged:
    fields = dict(record.fields)
    conflicts: list[Conflict] = []
    for name, value in change.fields.items():
        new = Written(value, change.stamp, version)
        deletion = record.deleted
        if deletion is not None and deletion.stamp > new.stamp:
            conflicts.append(Conflict(DELETION, deletion, new))
            continue
        known = fields.get(name)
        winner = new if known is None else _newer(known, new)
        conflicts += _conflict(name, known, new, winner, change)
        fields[name] = winner
    left = replace(record, version=version, fields=MappingProxyType(fields))
    return Merged(left, tuple(conflicts))


def _conflict(
    name: str, known: Written | None, new: Written, winner: Written, change: Change
) -> Iterator[Conflict]:
    """A conflict, if the device had not seen what was known and it says something else."""
    if known is None or known.version <= change.base_version or known.value == new.value:
        return
    yield Conflict(name, winner, known if winner is new else new)


def _newer(known: Written | None, new: Written) -> Written:
    return new if known is None or new.stamp > known.stamp else known
