"""Seals of permissions' audit log, as its witness gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Seal:
    """A sealed beginning of permissions' audit log, as published: a signed checkpoint in its text form."""

    event_id: UUID
    note: str
    received_at: datetime
