"""What can be asked about reminders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification import store

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database

    from notification.domain import State


async def list_reminders(database: Database, lead_id: UUID) -> list[Any]:
    """Every reminder about a lead, oldest first; empty for a lead that nobody was told about."""
    async with database.raw() as raw:
        return await store.of_lead(raw, lead_id)


async def get_reminder_health(database: Database) -> dict[State, int]:
    """How many reminders are in each state (AS-12)."""
    async with database.raw() as raw:
        return await store.counts_by_state(raw)
