"""Between the contract and the answers to requests about people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from leadchain.permissions.v1.privacy_events_pb2 import (
    SubjectErasedInPermissions,
    SubjectExportedFromPermissions,
)

if TYPE_CHECKING:
    from servicekit.erasures import Erased, Part


def subject_erased(request_id: str, erased: Erased) -> SubjectErasedInPermissions:
    """The fact that everything personal of somebody's leads is gone from here."""
    return SubjectErasedInPermissions(
        request_id=request_id, erased_count=erased.record_count, holds=erased.holds
    )


def subject_exported(request_id: str, part: Part) -> SubjectExportedFromPermissions:
    """One part of what is kept here about somebody's leads."""
    return SubjectExportedFromPermissions(
        request_id=request_id,
        part=part.number,
        part_count=part.part_count,
        record_count=part.record_count,
        records=part.records,
    )


def kept(row: Any) -> dict[str, Any]:
    """What is kept about one lead, as its person is told; times as ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value and str(value)
        for name, value in dict(row).items()
    }
