"""Questions about how accounts stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain import standings as domain
from engagement.domain.health import judge
from engagement.queries.opportunities import get_opportunity
from engagement.store import standings as store

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database

    from engagement.domain.health import Health, Week
    from engagement.domain.standings import Figure, Sleeper, StandingPolicy

PAGE_SIZE = 100
PAGE_SIZE_MAX = 500


async def get_standing(database: Database, lead_id: UUID) -> list[Figure]:
    """The figures of a lead's customer, in the order of their names; raises `UnknownOpportunity`."""
    golden_id = (await get_opportunity(database, lead_id)).golden_id
    async with database.raw() as raw:
        return (await store.figures(raw, [golden_id]))[golden_id]


async def get_health(
    database: Database, lead_id: UUID, policy: StandingPolicy
) -> tuple[Health, list[Week]]:
    """How healthy a lead's customer is now, and was week by week; raises `UnknownOpportunity`."""
    golden_id = (await get_opportunity(database, lead_id)).golden_id
    async with database.unit_of_work() as uow:
        figures = await store.figures(uow.raw, [golden_id])
        noticed = await store.noticed(uow.raw, [golden_id], policy.health, now=uow.now)
        weeks = await store.weeks(uow.raw, [golden_id])
        now = uow.now
    known = domain.standing(golden_id, figures[golden_id], now=now, fresh_for=policy.fresh_for)
    measures = domain.measures(known, noticed[golden_id])
    return judge(policy.health, measures), weeks[golden_id]


async def list_dormant(
    database: Database, policy: StandingPolicy, *, after: str, size: int
) -> list[Sleeper]:
    """Customers who may be woken (FU-32): at most one more than `size`, which says that there are more."""
    async with database.unit_of_work() as uow:
        return await store.sleepers(uow.raw, policy, after=after, now=uow.now, limit=size + 1)
