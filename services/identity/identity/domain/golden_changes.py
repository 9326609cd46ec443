"""How golden records change, field by field (ID-08), and how an earlier one is had back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NewType

import msgspec
from servicekit.errors import Conflict, Invalid, NotFound

from identity.domain.golden import GoldenRecord
from identity.domain.survivorship import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from identity.domain.golden import Value

ChangeId = NewType("ChangeId", int)

TEXT_CHARS_MAX = 2000
REASON_CHARS_MAX = 500
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)

CLOSING = ""
"""The field of the one change that tells of a whole record: that of a customer who went into another."""


class Cause(IntEnum):
    """Why a value changed; the numbers are kept in the database and are those of the contract."""

    NEW_STATEMENT = 1
    MERGED = 2
    SPLIT = 3
    PINNED = 4
    RELEASED = 5
    RESTORED = 6
    POLICY = 7
    ERASED = 8


class NotKnownThen(NotFound):
    """The customer was not known at the time asked for."""

    def __init__(self) -> None:
        super().__init__("the customer was not known at that time")


class NoSuchChange(NotFound):
    """No change of this customer has this id."""

    def __init__(self) -> None:
        super().__init__("the customer has no such change")


class NothingToRestore(Conflict):
    """The change tells of no earlier value, or of one that was erased."""

    def __init__(self) -> None:
        super().__init__("the change has no earlier value to put back")


class NoSuchPin(NotFound):
    """Nobody set this field of the customer."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is not pinned")


class InvalidPin(Invalid):
    """The field, value or reason that a steward gave cannot be one; the text says which, never the value."""


class FieldChange(msgspec.Struct, frozen=True):
    """A field whose text changed; None where the field did not, or no longer does, exist."""

    field: str
    old: Value | None
    new: Value | None


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change on record; `is_erased` when its values were forgotten."""

    change_id: ChangeId
    golden_id: str
    field: str
    cause: Cause
    system: str
    actor: str
    modified_at: datetime | None
    received_at: datetime | None
    changed_at: datetime
    old: Value | None
    new: Value | None
    is_erased: bool


def differences(old: GoldenRecord, new: GoldenRecord) -> list[FieldChange]:
    """The fields whose texts differ; that another source now says the same is no change."""
    if not old.values:
        return [FieldChange(name, None, value) for name, value in new.values.items()]
    found = []
    for name in sorted(old.values.keys() | new.values.keys()):
        before, after = old.values.get(name), new.values.get(name)
        if (before and before.text) != (after and after.text):
            found.append(FieldChange(name, before, after))
    return found


def undone(record: GoldenRecord, changes: Iterable[PastChange]) -> GoldenRecord:
    """The record before `changes`, which come newest first; an erased value stays unknown."""
    values = dict(record.values)
    for change in changes:
        if change.old is None:
            values.pop(change.field, None)
        else:
            values[change.field] = change.old
    return GoldenRecord(dict(sorted(values.items())), record.policy_version)


def is_pinned(value: Value | None) -> bool:
    """Whether a steward's text stands."""
    return value is not None and value.rule is Rule.PIN


def without(record: GoldenRecord, source_ids: frozenset[int]) -> GoldenRecord:
    """The record without what has to be forgotten with these sources: what is from them, and stewards' texts."""
    kept = {
        name: value for name, value in record.values.items() if not is_theirs(value, source_ids)
    }
    return GoldenRecord(kept, record.policy_version)


def is_theirs(value: Value | None, source_ids: frozenset[int]) -> bool:
    """Whether a value has to be forgotten with these sources: it is from them, if only in part, or a steward's text."""
    return value is not None and (is_pinned(value) or not source_ids.isdisjoint(value.source_ids))


def checked_pin(field: str, text: str, reason: str) -> tuple[str, str, str]:
    """A pin's field, text and reason without blanks around them; raises `InvalidPin`."""
    plain = text.strip()
    if not _FIELD.fullmatch(field):
        raise InvalidPin("field is not the name of one")
    if not 0 < len(plain) <= TEXT_CHARS_MAX or not plain.isprintable():
        raise InvalidPin(f"a value has 1 to {TEXT_CHARS_MAX} printable characters")
    return field, plain, checked_reason(reason)


def checked_reason(reason: str) -> str:
    """A reason without blanks around it; raises `InvalidPin`."""
    plain = reason.strip()
    if not 0 < len(plain) <= REASON_CHARS_MAX or not plain.isprintable():
        raise InvalidPin(f"a reason has 1 to {REASON_CHARS_MAX} printable characters")
    return plain
