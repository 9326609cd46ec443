"""The records that a decision is about: found, and their families locked, in one statement.

They are found as they were before the wait for the locks. What is known around them is read afterwards, and tells
whether they are still there and in these families (`Loader.around_locked`). The gate must be entered before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from identity.store.locks import FAMILY, FAMILY_COUNT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import asyncpg

MEMBERS_MAX = 1000
"""So many records of a customer, the oldest, a decision is about."""

NAMED = """
  select c.customer_id from (
    select a.customer_id from aliases a where a.golden_id = asked.name
    union all
    select a.customer_id from aliases a where a.master_id = asked.name
    limit 1
  ) a join customers c using (customer_id)
"""
"""The living customer that `asked.name` stands for."""


def locked(families: str) -> str:
    """A query that locks what a query of `family_id` gives, in the order that all keep to, and counts it."""
    return f"""
select count(pg_advisory_xact_lock({FAMILY}, family)) as family_count from (
  select distinct (family_id % {FAMILY_COUNT})::int as family from ({families}) each order by family
) ordered
"""


_FOUND = f"""
with theirs as materialized (
  select asked.place, r.record_id, r.family_id
  from unnest((select $1::text[])) with ordinality as asked (name, place)
  cross join lateral ({NAMED}) c
  left join lateral (
    select r.record_id, r.family_id from records r where r.customer_id = c.customer_id
    order by r.record_id limit {MEMBERS_MAX}
  ) r on true
), others as materialized (
  select r.record_id, r.family_id from unnest((select $2::bigint[])) as asked (record_id)
  cross join lateral (select * from records r where r.record_id = asked.record_id offset 0) r
), found as materialized (
  select record_id, family_id from theirs where record_id is not null union select record_id, family_id from others
), locked as materialized (
  {locked("select family_id from found")}
)
select
  (select array_agg(row(place, record_id) order by place, record_id) from theirs),
  (select array_agg(row(record_id, family_id)) from found),
  (select family_count from locked)
"""


class Found(NamedTuple):
    """The records of each customer asked for, oldest first; None where there is no such customer.

    `families` are those of all records that there are, these and the ones asked for by their ids.
    """

    members: Sequence[list[int] | None]
    families: dict[int, int]


async def find(
    raw: asyncpg.Connection, customer_ids: Sequence[str], record_ids: Collection[int] = ()
) -> Found:
    """Customers by any of their ids, at most 1,000 records of each, and records; all their families are locked."""
    theirs, families, _ = await raw.fetchrow(_FOUND, customer_ids, list(record_ids))
    members: dict[int, list[int]] = {}
    for place, record_id in theirs or ():
        known = members.setdefault(place, [])
        if record_id is not None:
            known.append(record_id)
    places = range(1, len(customer_ids) + 1)
    return Found([members.get(place) for place in places], dict(families or ()))
