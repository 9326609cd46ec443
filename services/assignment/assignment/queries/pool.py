"""What lies in the public pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.store import pool as store

if TYPE_CHECKING:
    from servicekit.database import Database

    from assignment.domain.leads import StoredLead


async def list_pool(database: Database, limit: int) -> list[StoredLead]:
    """Leads in the pool, those that came last first."""
    async with database.raw() as raw:
        return await store.list_pool(raw, limit)
