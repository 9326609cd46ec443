"""What a plan of visits needs to know of leads: whose they are, where their customers are, how long visits took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.follow_ups import EvidenceKind
from engagement.domain.opportunities import State
from engagement.domain.visits import Known

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from engagement.seals import Seals

_KNOWN = f"""
select o.lead_id, p.lead_id as sealed_for, p.sealed_point, v.past_s
from opportunities o left join address_points p on p.golden_id = o.golden_id
cross join lateral (
  select array_agg(seconds) as past_s from (
    select e.seconds from opportunities c join follow_ups f on f.lead_id = c.lead_id
    join evidence e on e.follow_up_id = f.follow_up_id
    where c.golden_id = o.golden_id and c.opened_at is not null
      and e.kind = {EvidenceKind.VISIT:d} and e.seconds is not null
    order by f.recorded_at desc, f.follow_up_id limit $3
  ) newest
) v
where o.lead_id = any($1::uuid[]) and o.owner_id = $2 and o.state = {State.OPEN:d} and o.opened_at is not null
"""


async def known(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID], rep_id: str, seals: Seals, *, limit: int
) -> dict[UUID, Known]:
    """What is on record for those of the leads that are open opportunities of a rep's; `limit` past visits of each."""
    rows = await raw.fetch(_KNOWN, lead_ids, rep_id, limit)
    return {
        row["lead_id"]: Known(
            is_theirs=True,
            where=seals.open_point(row["sealed_for"], row["sealed_point"])
            if row["sealed_for"]
            else None,
            past_s=tuple(row["past_s"] or ()),
        )
        for row in rows
    }
