"""Requests about people: what engagement forgets of their leads, and what it keeps about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit.erasures import Erased

from engagement.store import privacy as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from engagement.seals import Seals

HOLDS = ("opportunities and what was done about them, without personal data, for the books",)


async def erase_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
    """Forgets what our people wrote about whoever these leads are, what they said and did, and their address."""
    return Erased(await store.forget(uow.raw, lead_ids), HOLDS)


async def kept_about(
    uow: UnitOfWork, lead_ids: Sequence[UUID], seals: Seals
) -> list[dict[str, Any]]:
    """What is kept about these leads: owners, times, what our people wrote, and what was said."""
    records = [dict(row) for row in await store.kept_about(uow.raw, lead_ids)]
    records += await store.follow_ups_about(uow.raw, lead_ids, seals)
    records += await store.tasks_about(uow.raw, lead_ids, seals)
    records += await store.recorded_of(uow.raw, lead_ids)
    return records + await store.said_by(uow.raw, lead_ids, seals)
