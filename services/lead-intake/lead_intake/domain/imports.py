"""Imports of files: where one stands, what became of its rows, and what may be done with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NewType
from uuid import UUID

from servicekit.errors import Conflict, Forbidden, Invalid

if TYPE_CHECKING:
    from datetime import datetime

    from lead_intake.domain.leads import AccountId

ImportId = NewType("ImportId", UUID)
ChunkId = NewType("ChunkId", UUID)

PART_BYTES = 256 * 1024
"""Size of every part of an upload but the last."""

COLUMNS_MAX = 500
"""Widest table."""

CHUNK_ROWS = 500
"""Rows that are kept together in one transaction."""

UNDO_WITHIN = timedelta(days=7)


class ImportState(IntEnum):
    """Where an import stands."""

    UPLOADING = 0
    UPLOADED = 1
    RUNNING = 2
    FINISHED = 3
    CANCELLED = 4
    FAILED = 5
    UNDOING = 6
    UNDONE = 7


IN_PLACE = (
    ImportState.UPLOADING,
    ImportState.UPLOADED,
    ImportState.RUNNING,
    ImportState.FINISHED,
    ImportState.CANCELLED,
)
"""States in which the same file for the same account is the same import."""


class Outcome(StrEnum):
    """What becomes of one row. An updated one states a known lead anew; a duplicate says nothing new."""

    ACCEPTED = "accepted"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


class RefusedFile(Invalid):
    """The file cannot be imported; the text says why and holds nothing of its content."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows met which outcome."""

    accepted: int = 0
    updated: int = 0
    duplicate: int = 0
    rejected: int = 0
    quarantined: int = 0

    @property
    def done(self) -> int:
        """Rows of which the outcome is known."""
        return self.accepted + self.updated + self.duplicate + self.rejected + self.quarantined


@dataclass(frozen=True, slots=True)
class NewImport:
    """A file as it is announced; `sha256` is of its bytes, `created_by` the subject that uploads it."""

    account_id: AccountId
    file_name: str
    size_bytes: int
    sha256: bytes
    created_by: str


@dataclass(frozen=True, slots=True)
class Import:
    """One import as it is kept. `file_name` and `header` are open here and sealed at rest.

    `template` is empty until it is started or where the file's own columns shall choose it; `read_share` is the part of
    the file, 0 to 1, whose rows were read; `problem` says why it failed.
    """

    import_id: ImportId
    account_id: AccountId
    channel: str
    account: str
    state: ImportState
    template: str
    size_bytes: int
    part_count: int
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    is_split: bool
    read_share: float
    problem: str
    withdrawn_count: int
    kept_count: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not accepted: its number in the file from 1, why, at which field, and what it held."""

    row_number: int
    reason: str
    field: str
    values: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Refusal({self.row_number}, {self.reason})"


def parts_of(size_bytes: int) -> int:
    """In how many parts a file of this size is uploaded."""
    return -(-size_bytes // PART_BYTES)


def part_size(size_bytes: int, number: int) -> int:
    """How many bytes part `number` (from 0) has; 0 where there is no such part."""
    return max(0, min(PART_BYTES, size_bytes - number * PART_BYTES))


def check_uploaded(one: Import) -> None:
    """Raises `Conflict` unless the whole file is here."""
    if one.state is ImportState.UPLOADING:
        raise Conflict("the file is not uploaded yet")


def check_may_start(one: Import) -> bool:
    """Whether the import has to be started; False when that was done before. Raises `Conflict`."""
    check_uploaded(one)
    if one.state in (ImportState.RUNNING, ImportState.FINISHED):
        return False
    if one.state in (ImportState.UPLOADED, ImportState.CANCELLED):
        return True
    raise Conflict(f"the import is {one.state.name.lower()}")


def check_may_cancel(one: Import) -> bool:
    """Whether there is something to cancel; False when that was done before. Raises `Conflict`."""
    if one.state is ImportState.CANCELLED:
        return False
    if one.state in (ImportState.UPLOADING, ImportState.UPLOADED, ImportState.RUNNING):
        return True
    raise Conflict(f"the import is {one.state.name.lower()}")


def check_may_undo(one: Import, *, now: datetime) -> bool:
    """Whether there is something to undo; False when that was done before. Raises `Conflict`."""
    if one.state in (ImportState.UNDOING, ImportState.UNDONE):
        return False
    if one.started_at is None or one.state is ImportState.RUNNING:
        raise Conflict("only an import that has ended can be undone; cancel it first")
    if now - one.started_at > UNDO_WITHIN:
        raise Conflict(f"an import can be undone for {UNDO_WITHIN.days} days")
    return True


def check_is_uploader(one: Import, subject: str) -> None:
    """Raises `Forbidden` unless `subject` uploaded the file: its rows are given back to nobody else."""
    if one.created_by != subject:
        raise Forbidden("only who uploaded the file gets its rows back")
