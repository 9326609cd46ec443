"""Questions about follow-ups and reported contacts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from engagement.queries.opportunities import get_opportunity
from engagement.store import contacts as contact_store
from engagement.store import follow_ups as store

if TYPE_CHECKING:
    from datetime import datetime, tzinfo
    from uuid import UUID

    from asyncpg import Record
    from servicekit.database import Database

    from engagement.domain.follow_ups import Contact, FollowUp
    from engagement.seals import Seals

PAGE_SIZE = 20
PAGE_SIZE_MAX = 100


async def list_follow_ups(
    database: Database,
    lead_id: UUID,
    seals: Seals,
    *,
    before: tuple[datetime, UUID] | None,
    size: int,
) -> list[FollowUp]:
    """A lead's follow-ups, newest first: at most one more than `size`, which says that there are more."""
    async with database.raw() as raw:
        return await store.page(raw, lead_id, seals, before=before, limit=size + 1)


async def list_contacts(database: Database, lead_id: UUID) -> list[Contact]:
    """The newest reported contacts with a lead's customer; raises `UnknownOpportunity`."""
    opportunity = await get_opportunity(database, lead_id)
    async with database.raw() as raw:
        return await contact_store.newest(raw, opportunity.golden_id)


async def weekly_effort(
    database: Database, at: datetime, zone: tzinfo
) -> tuple[datetime, list[Record]]:
    """The week of a moment (it begins on Monday at 00:00 in `zone`) and a row of counts for each rep (FU-07)."""
    local = at.astimezone(zone)
    monday = (local - timedelta(days=local.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    async with database.raw() as raw:
        return monday, await store.effort(raw, monday, monday + timedelta(days=7))
