"""How long what was told is kept. Ids of reminders are UUIDv7, so that age is an order of ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime, timedelta

OLDEST = UUID(int=0)
_TIME_SHIFT_BITS = 80


@dataclass(frozen=True, slots=True)
class Kept:
    """How long reminders are kept with their messages and receipts, and how long what their cards showed."""

    reminders: timedelta
    cards: timedelta


def first_id_of(at: datetime) -> UUID:
    """The least id that a reminder made at this time can have."""
    return UUID(int=int(at.timestamp() * 1000) << _TIME_SHIFT_BITS)
