"""What can be asked about backfills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.backfills import Backfill, BackfillNotFound
from identity.store import backfills as store

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database


async def get_backfill(database: Database, backfill_id: UUID) -> Backfill:
    """How far a backfill is; raises `BackfillNotFound`."""
    async with database.raw() as raw:
        backfill = await store.get(raw, backfill_id)
    if backfill is None:
        raise BackfillNotFound
    return backfill


async def list_backfills(database: Database, *, before: UUID | None, count: int) -> list[Backfill]:
    """Backfills, the latest first, from behind `before`."""
    async with database.raw() as raw:
        return await store.newest(raw, before=before, count=count)


async def list_refused(
    database: Database, backfill_id: UUID, *, after: int, count: int
) -> list[tuple[int, str]]:
    """Refused rows and why, by row, from behind `after`; raises `BackfillNotFound`."""
    async with database.raw() as raw:
        if await store.get(raw, backfill_id) is None:
            raise BackfillNotFound
        return await store.refused(raw, backfill_id, after=after, count=count)
