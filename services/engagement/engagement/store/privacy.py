"""What is kept about leads that says, or helps to say, whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from engagement.seals import Seals

_KEPT = """
select lead_id, channel, received_at, opened_at, owner_id, contacted_at
from opportunities where lead_id = any($1::uuid[]) order by lead_id
"""


_FOLLOW_UPS = """
select follow_up_id, lead_id, author_id, recorded_at, objection, response, next_action, due_at, sealed_details
from follow_ups where lead_id = any($1::uuid[]) order by recorded_at, follow_up_id
"""
_FORGET = """
with words as (
  update follow_ups set sealed_details = '' where lead_id = any($1::uuid[]) and sealed_details <> '' returning 1
), earlier as (
  update follow_up_wordings w set sealed_details = '' from follow_ups f
  where w.follow_up_id = f.follow_up_id and f.lead_id = any($1::uuid[]) and w.sealed_details <> '' returning 1
), points as (
  delete from address_points where lead_id = any($1::uuid[]) returning 1
)
select (select count(*) from words) + (select count(*) from earlier) + (select count(*) from points)
"""


async def forget(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> int:
    """Forgets what was written about whoever these leads are, and where they are; returns how many rows that were."""
    count: int = await raw.fetchval(_FORGET, lead_ids)
    return count


async def follow_ups_about(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID], seals: Seals
) -> list[dict[str, Any]]:
    """What was written about these leads."""
    rows = [dict(row) for row in await raw.fetch(_FOLLOW_UPS, lead_ids)]
    for row in rows:
        details = seals.open_details(row["follow_up_id"], row.pop("sealed_details"))
        row["details"] = [told for told in details if told]
    return rows


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """What is on record about these leads."""
    return list(await raw.fetch(_KEPT, lead_ids))
