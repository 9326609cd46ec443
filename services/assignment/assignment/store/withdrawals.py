"""Withdrawals that have not come true: of leads that have not come yet, and of leads that others have joined.

Hidden decision: how an undone import and the arrival of its leads are kept apart. Arrivals go side by side, and a
withdrawal goes alone: whichever of the two is second sees what the first has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.store.states import STATE_MERGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    import asyncpg

    from assignment.domain.leads import LeadId

# Two numbers are another space of keys than one: no customer has this lock.
_LOCK = "select pg_advisory_xact_lock(1, 1)"
_LOCK_ARRIVALS = "select pg_advisory_xact_lock_shared(1, 1)"
_WISH = """
insert into withdrawals (lead_id, import_id) select * from unnest($1::uuid[], $2::uuid[]) on conflict do nothing
"""
_WISHED = "select lead_id, import_id from withdrawals where lead_id = any($1::uuid[])"
_WISHED_WITH_JOINED = f"""
{_WISHED}
union
select withdrawals.lead_id, import_id from leads join withdrawals on withdrawals.lead_id = leads.into_lead_id
where leads.lead_id = any($1::uuid[])
"""
_JOINED = f"""
select distinct into_lead_id from leads
where into_lead_id = any($1::uuid[]) and state = {STATE_MERGED}
  and not exists (select from withdrawals where withdrawals.lead_id = leads.lead_id)
"""
_SETTLE = "delete from withdrawals where lead_id = any($1::uuid[])"


async def lock(raw: asyncpg.Connection) -> None:
    """Waits for the arrivals under way, and keeps others away until this transaction ends."""
    await raw.execute(_LOCK)


async def lock_arrivals(raw: asyncpg.Connection) -> None:
    """Keeps withdrawals away until this transaction ends; goes together with other arrivals."""
    await raw.execute(_LOCK_ARRIVALS)


async def wish(raw: asyncpg.Connection, imports: Mapping[LeadId, UUID]) -> None:
    """Notes that leads shall be withdrawn, each with its import."""
    await raw.execute(_WISH, list(imports), list(imports.values()))


async def wished(raw: asyncpg.Connection, lead_ids: Sequence[LeadId]) -> dict[LeadId, UUID]:
    """The import of each of these leads that shall be withdrawn."""
    return dict(await raw.fetch(_WISHED, lead_ids))


async def wished_with_joined(
    raw: asyncpg.Connection, lead_ids: Sequence[LeadId]
) -> dict[LeadId, UUID]:
    """The same, with those leads that these have joined."""
    return dict(await raw.fetch(_WISHED_WITH_JOINED, lead_ids))


async def joined_by_others(raw: asyncpg.Connection, lead_ids: Iterable[LeadId]) -> set[LeadId]:
    """Those of the leads that others have joined which shall stay."""
    return {row[0] for row in await raw.fetch(_JOINED, list(lead_ids))}


async def settle(raw: asyncpg.Connection, lead_ids: Iterable[LeadId]) -> None:
    """Forgets wishes that came true, and those that cannot any longer."""
    await raw.execute(_SETTLE, list(lead_ids))
