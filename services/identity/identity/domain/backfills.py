"""Backfills: many rows of one system, resolved like any statement, in batches that each happen once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit.errors import Conflict, Invalid, NotFound

from identity.domain.statements import LEADS, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

BATCH_ROWS_MAX = 2_000
NAME_CHARS_MAX = 200
KEY_CHARS_MAX = 200
FIELDS_MAX = 100
VALUE_CHARS_MAX = 2_000
REFUSED_KEPT_MAX = 10_000
"""Refused rows that are kept with their reasons; further ones are only counted."""

_SYSTEM = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


class BackfillNotFound(NotFound):
    """No backfill has this id."""

    def __init__(self) -> None:
        super().__init__("no such backfill")


class BackfillClosed(Conflict):
    """The backfill takes no more rows."""

    def __init__(self) -> None:
        super().__init__("the backfill is closed")


class RowsMissing(Conflict):
    """A batch begins behind what is done; the rows between must come first."""

    def __init__(self, *, next_row: int) -> None:
        super().__init__(f"row {next_row} is the next one")
        self.next_row = next_row


class MalformedBackfill(Invalid):
    """A backfill or a batch is not of the form that it must have."""


class MalformedRow(Invalid):
    """A row cannot be a statement; the text says why, without its values."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of rows."""

    done: int = 0
    refused: int = 0
    new: int = 0
    joined: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far a backfill is; `total_count` is 0 when not known."""

    backfill_id: UUID
    system: str
    name: str
    total_count: int
    counts: Counts
    opened_at: datetime
    opened_by: str
    done_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the system, as it came."""

    source_key: str
    fields: Mapping[str, str]
    modified_at: datetime | None
    actor: str


def checked_system(system: str) -> str:
    """The name of a system that is not our own leads; raises `MalformedBackfill`."""
    if not _SYSTEM.fullmatch(system) or system == LEADS:
        raise MalformedBackfill(
            "a system is named by 1 to 64 small letters, digits and low lines, and is not lead"
        )
    return system


def checked_name(name: str) -> str:
    """What the rows are; raises `MalformedBackfill`."""
    if not 1 <= len(name) <= NAME_CHARS_MAX:
        raise MalformedBackfill(f"a name has 1 to {NAME_CHARS_MAX} characters")
    return name


def statement(row: Row, system: str, *, now: datetime) -> Statement:
    """What a row states; raises `MalformedRow`."""
    if not 1 <= len(row.source_key) <= KEY_CHARS_MAX:
        raise MalformedRow(f"source_key has 1 to {KEY_CHARS_MAX} characters")
    if not row.fields or len(row.fields) > FIELDS_MAX:
        raise MalformedRow(f"1 to {FIELDS_MAX} fields")
    for name, value in row.fields.items():
        if not _FIELD.fullmatch(name):
            raise MalformedRow("a field is not named by small letters, digits and low lines")
        if len(value) > VALUE_CHARS_MAX:
            raise MalformedRow(f"{name} has more than {VALUE_CHARS_MAX} characters")
    fields = {name: value.replace("\x00", "") for name, value in row.fields.items()}
    return Statement(system, row.source_key, fields, row.modified_at or now, now, row.actor[:200])
