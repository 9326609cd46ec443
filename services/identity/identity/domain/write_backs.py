"""Telling a system the value that won: when it is tried, when it is given up, and what is never tried twice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from servicekit.errors import NotFound
from servicekit.retry_schedule import next_delay_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

VERSION_CONFLICT = "version_conflict"
LOCKED = "locked"
GAVE_UP = "write_back_gave_up"
REFUSED = "write_back_refused"


class WriteBackState(IntEnum):
    """How a write to a system stands; the numbers are kept in the database and are those of the contract."""

    WAITING = 1
    WRITING = 2
    WRITTEN = 3
    GAVE_UP = 4
    REFUSED = 5
    SUPERSEDED = 6


SETTLED = (WriteBackState.WRITTEN, WriteBackState.SUPERSEDED)


class WriteBackNotFound(NotFound):
    """No write that was refused or given up has this number."""

    def __init__(self) -> None:
        super().__init__("no such write that was refused or given up")


@dataclass(frozen=True, slots=True)
class KnownWrite:
    """What was written, or tried to be, for one source: keyed digests by field."""

    write_back_id: int
    source_id: int
    state: WriteBackState
    digests: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class ClaimedWrite:
    """A write whose turn it is. `expected_version` is the row's as it was last received; empty when it has none."""

    write_back_id: int
    source_id: int
    system: str
    key_digest: bytes
    record_key: str
    fields: Mapping[str, str]
    winners: Mapping[str, str]
    idempotency_key: UUID
    expected_version: str
    attempt_count: int


@dataclass(frozen=True, slots=True)
class WriteBack:
    """A write as people see it, without values. `golden_id` is empty for a customer that is gone."""

    write_back_id: int
    golden_id: str
    system: str
    fields: tuple[str, ...]
    winners: tuple[str, ...]
    state: WriteBackState
    reason: str
    attempt_count: int
    made_at: datetime
    due_at: datetime
    done_at: datetime | None


def still_to_tell(wanted: Mapping[str, bytes], known: Iterable[KnownWrite]) -> frozenset[str]:
    """The fields of a correction, by keyed digest, that are neither on their way already nor refused as they are."""
    left = set(wanted)
    for write in known:
        if write.state in {WriteBackState.WRITING, WriteBackState.REFUSED}:
            left -= {name for name in left if write.digests.get(name) == wanted[name]}
    return frozenset(left)


def is_outdated(write: KnownWrite, wanted: Mapping[str, bytes]) -> bool:
    """Whether a write has nothing to say any more beside a new correction; one that was refused may still hold."""
    match write.state:
        case WriteBackState.WAITING | WriteBackState.GAVE_UP:
            return True
        case WriteBackState.REFUSED:
            return all(wanted.get(name) != digest for name, digest in write.digests.items())
        case _:
            return False


def next_try_in_s(attempt_count: int, *, retry_after_s: float | None = None) -> float | None:
    """Seconds until a write is tried again after the failed try number `attempt_count`; None when it is given up.

    A system that asks for more time than the schedule gives gets it.
    """
    delay_s = next_delay_s(attempt_count)
    return None if delay_s is None else max(delay_s, retry_after_s or 0.0)
