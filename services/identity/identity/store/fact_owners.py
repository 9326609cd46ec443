"""Whose facts are, as far as one customer and nobody else has what they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

HOLDERS_MAX = 64
"""Records of one key that are looked at: as many as it may have (`matchkit`)."""

# As in `store.customer360`, look-ups that the planner may not turn into joins.
_OWNERS = f"""
with asked as materialized (
  select place, token from unnest($1::int4[], $2::int8[]) as a (place, token)
  where not exists (select from generic_keys g where g.key = a.token offset 0)
), found as materialized (
  select asked.place, r.customer_id from asked
  cross join lateral (select record_id from record_keys where key = asked.token limit {HOLDERS_MAX}) k
  cross join lateral (select customer_id from records where records.record_id = k.record_id offset 0) r
  union
  select n.place, r.customer_id from unnest($3::int4[], $4::uuid[]) as n (place, lead_id)
  cross join lateral (select record_id from sources where sources.lead_id = n.lead_id offset 0) s
  cross join lateral (select customer_id from records where records.record_id = s.record_id offset 0) r
  union
  select n.place, a.customer_id from unnest($5::int4[], $6::text[]) as n (place, name)
  cross join lateral (select customer_id from aliases where golden_id = n.name or master_id = n.name offset 0) a
)
select place, min(golden_id) from found join customers using (customer_id)
group by place having count(distinct customer_id) = 1
"""


async def owners(
    raw: asyncpg.Connection,
    tokens: Sequence[tuple[int, int]],
    leads: Sequence[tuple[int, UUID]],
    customers: Sequence[tuple[int, str]],
) -> dict[int, str]:
    """The Golden IDs of facts, by the facts' places: each given with a token, a lead, or a Golden or master id.

    A fact that names nobody, or more than one customer, has none.
    """
    rows = await raw.fetch(
        _OWNERS,
        [place for place, _ in tokens],
        [token for _, token in tokens],
        [place for place, _ in leads],
        [lead_id for _, lead_id in leads],
        [place for place, _ in customers],
        [name for _, name in customers],
    )
    return dict(rows)
