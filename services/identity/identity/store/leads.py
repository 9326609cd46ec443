"""Leads and the customers that they were published with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from identity.domain.customers import LeadId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

_SAVE = """
insert into leads (lead_id, golden_id, channel, received_at, match_basis)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::smallint[])
on conflict (lead_id) do nothing
returning lead_id
"""
_SOURCES_OF = """
select lead_id, modified_at from sources where lead_id = any($1::uuid[]) and deleted_at is null order by lead_id
"""


async def save(raw: asyncpg.Connection, rows: Sequence[tuple[Any, ...]]) -> set[LeadId]:
    """Writes leads (id, Golden ID, channel, received at, basis); returns those that were not on record before."""
    if not rows:
        return set()
    return {LeadId(lead_id) for (lead_id,) in await raw.fetch(_SAVE, *zip(*rows, strict=True))}


async def sources_of(
    raw: asyncpg.Connection, lead_ids: Sequence[LeadId]
) -> list[tuple[LeadId, datetime]]:
    """Those of these leads that are still sources, and when each last changed."""
    rows = await raw.fetch(_SOURCES_OF, list(lead_ids))
    return [(LeadId(lead_id), modified_at) for lead_id, modified_at in rows]
