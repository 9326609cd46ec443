"""How far the items of each account were understood: one statement over a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.domain.leads import ItemState

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

QUERY_TIMEOUT_S = 10.0

_COVERAGE = f"""
select a.channel, a.account, coalesce(i.accepted, 0), coalesce(i.rejected, 0), coalesce(i.quarantined, 0), i.last_at
from accounts as a
left join (
    select account_id,
           count(*) filter (where state = {ItemState.ACCEPTED:d}) as accepted,
           count(*) filter (where state = {ItemState.REJECTED:d}) as rejected,
           count(*) filter (where state = {ItemState.QUARANTINED:d}) as quarantined,
           max(received_at) as last_at
    from items where received_at >= $1 group by account_id
) as i using (account_id)
where a.closed_at is null
order by a.channel, a.account
"""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of one account's items; `last_item_at` is None when there were none."""

    channel: str
    account: str
    accepted_count: int
    rejected_count: int
    quarantined_count: int
    last_item_at: datetime | None


async def coverage(raw: asyncpg.Connection, *, since: datetime) -> list[Coverage]:
    """Every account that is open, by channel and name."""
    return [Coverage(*row) for row in await raw.fetch(_COVERAGE, since, timeout=QUERY_TIMEOUT_S)]
