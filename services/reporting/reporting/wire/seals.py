"""Seals of the audit log as they travel."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from reporting.domain.seals import Seal

if TYPE_CHECKING:
    from datetime import datetime

    from leadchain.permissions.v1.events_pb2 import AuditSealed


def seal(event: AuditSealed, *, received_at: datetime) -> Seal:
    """The audit log is sealed up to an entry."""
    return Seal(UUID(event.event_id), event.note, received_at)
