"""What is kept about leads, and how it is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_SOURCES_OF = """
select source_id, lead_id, record_id, modified_at from sources where lead_id = any($1::uuid[]) order by lead_id
"""
_STILL_THERE = "select count(*) from records where record_id = any($1::bigint[])"
_FORGET = "delete from statements where source_id = any($1::bigint[])"
_KEPT = """
select l.lead_id, l.channel, l.received_at, l.match_basis, c.master_id, c.first_seen_at,
  (select count(*) from statements st where st.source_id = s.source_id) as statement_count
from leads l
left join sources s using (lead_id)
left join records r using (record_id)
left join aliases a using (golden_id)
join customers c on c.customer_id = coalesce(r.customer_id, a.customer_id)
where l.lead_id = any($1::uuid[]) order by l.lead_id
"""


async def sources_of(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID]
) -> list[tuple[int, UUID, int | None, datetime]]:
    """The sources of leads: number, lead, record (None when it holds none), when it last changed."""
    return [tuple(row) for row in await raw.fetch(_SOURCES_OF, list(lead_ids))]


async def still_there(raw: asyncpg.Connection, record_ids: Collection[int]) -> int:
    """How many of these records others hold."""
    return int(await raw.fetchval(_STILL_THERE, list(record_ids)))


async def forget_statements(raw: asyncpg.Connection, source_ids: Sequence[int]) -> int:
    """Deletes everything that these sources ever stated; returns how many statements."""
    status: str = await raw.execute(_FORGET, list(source_ids))
    return int(status.rpartition(" ")[2])


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """What is on record about these leads and their customers."""
    return list(await raw.fetch(_KEPT, list(lead_ids)))
