"""Token buckets in the database: how fast limited places may be written to, over all replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification.store.columns import columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

# One token is a message; whoever finds none is told when there will be one. A bucket holds a quarter of a minute's
# worth and fills at the rate of the other three quarters, so that no 60 s ever see more than the limit. Buckets are
# locked in the order of their names, so that two replicas cannot wait for each other.
_TAKE = """
with asked as (
  select bucket, room, greatest(1, per_min - room) as per_min
  from unnest($1::text[], $2::float8[]) as a(bucket, per_min), greatest(1, floor(per_min / 4)) as room
), locked as (
  select b.bucket, a.per_min,
         least(a.room, b.tokens + greatest(0, extract(epoch from $3 - b.refilled_at)) * a.per_min / 60) as tokens
  from rate_buckets b join asked a using (bucket) order by b.bucket for update of b
)
update rate_buckets b
set tokens = case when l.tokens >= 1 then l.tokens - 1 else l.tokens end, refilled_at = greatest($3, b.refilled_at)
from locked l where b.bucket = l.bucket
returning b.bucket, l.tokens >= 1, greatest(0, 1 - l.tokens) * 60 / l.per_min
"""
_OPEN = """
insert into rate_buckets (bucket, tokens, refilled_at)
select bucket, greatest(1, floor(per_min / 4)), $3 from unnest($1::text[], $2::float8[]) as t(bucket, per_min)
on conflict do nothing
"""


async def take(
    raw: asyncpg.Connection, buckets: Sequence[tuple[str, int]], *, now: datetime
) -> dict[str, float]:
    """Takes a token from each bucket (name, messages a minute), each named once.

    Returns the seconds to wait for one, by bucket; 0 where it was had.
    """
    if not buckets:
        return {}
    records = [(name, float(per_min)) for name, per_min in sorted(buckets)]
    await raw.execute(_OPEN, *columns(records), now)
    rows = await raw.fetch(_TAKE, *columns(records), now)
    return {bucket: 0.0 if granted else float(wait_s) for bucket, granted, wait_s in rows}
