"""What lies in the public pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.store import pool as store

if TYPE_CHECKING:
    from servicekit.database import Database

    from assignment.commands.desk import Desk
    from assignment.domain.leads import StoredLead


async def list_pool(database: Database, desk: Desk, limit: int) -> list[tuple[StoredLead, str]]:
    """Leads in the pool, those that came last first, each with its level by the rules in force."""
    async with database.unit_of_work() as uow:
        router, _ = await desk.router(uow.raw, now=uow.now)
        leads = await store.list_pool(uow.raw, limit)
    return [
        (each, desk.pool.level_of(each.lead, router.score_of(each.lead)).level_id) for each in leads
    ]
