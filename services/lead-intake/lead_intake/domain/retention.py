"""How long what is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta  # noqa: TC003 - part of the dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime


class DataClass(StrEnum):
    """What is kept for a time of its own."""

    RAW_DELIVERY = "raw_delivery"
    QUARANTINED_RAW = "quarantined_raw"
    LEAD_CONTACT = "lead_contact"
    CONSENT = "consent"
    SUBJECT_EXPORT = "subject_export"
    SYNCED_RECORD = "synced_record"


SUBJECT_CONTACT = "subject_contact"
"""The class of what an erasure deletes; no policy says how long that is kept."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long each class is kept, which version says so, and how many records a transaction may delete."""

    version: int
    batch_size: int
    kept: Mapping[DataClass, timedelta]


class Deleted(NamedTuple):
    """One record that is gone, and when it had been received."""

    record_id: UUID
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one run deleted of one class. `digest` is a keyed chain over the ids, begun with the class's last one."""

    certificate_id: UUID
    data_class: str
    run: str
    policy_version: int
    deleted_count: int
    oldest_at: datetime
    newest_at: datetime
    begun_at: datetime
    deleted_at: datetime
    digest: bytes


def chained(digest: bytes, deleted: Iterable[Deleted], *, keyed: Callable[[str], bytes]) -> bytes:
    """The digest after these deletions: each id is joined with the digest before it under the key."""
    for record in deleted:
        digest = keyed(f"{digest.hex()}/{record.record_id}")
    return digest


def first_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: every id made before it is smaller."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
