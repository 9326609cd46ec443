"""What is known around some statements: their sources, and whoever they might turn out to be.

Few statements for a whole batch: one finds where to look (`near`), one reads the families found there (`families`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from identity.store.cases import locked
from identity.store.judgements import COLUMNS as JUDGEMENT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

# The offsets, and the order where there is a limit, keep the planner at look-ups by index: a plan that was made while
# the tables were young is kept for long. A selected array hides its length, or each call would be planned anew for it.
_NEAR = f"""
with asked_sources as materialized (
  select s.source_id, s.system, s.key_digest, s.record_id, s.lead_id, s.first_seen_at, s.modified_at, s.received_at,
    s.deleted_at
  from unnest((select $1::text[]), (select $2::bytea[])) as asked (system, key_digest)
  cross join lateral (
    select * from sources s where s.system = asked.system and s.key_digest = asked.key_digest offset 0
  ) s
), generic as materialized (
  select g.key, g.reason from unnest((select $4::text::bigint[])) as asked (key)
  cross join lateral (select g.key, g.reason from generic_keys g where g.key = asked.key offset 0) g
), twins as materialized (
  select r.record_id, r.family_id from unnest((select $3::bytea[])) as asked (digest)
  cross join lateral (select * from records r where r.digest = asked.digest offset 0) r
), met as materialized (
  select distinct a.customer_id from unnest((select $5::text[])) as asked (golden_id)
  cross join lateral (select * from aliases a where a.golden_id = asked.golden_id offset 0) a
), sharing as (
  select h.record_id from unnest((select $4::text::bigint[])) as asked (key)
  cross join lateral (
    select rk.record_id from record_keys rk where rk.key = asked.key order by rk.record_id limit $6
  ) h
  where asked.key not in (select key from generic)
  union
  select st.record_id from asked_sources s
  cross join lateral (select st.record_id from statements st where st.source_id = s.source_id offset 0) st
), seeds as materialized (
  select r.record_id, r.family_id from sharing
  cross join lateral (select * from records r where r.record_id = sharing.record_id offset 0) r
  union
  select record_id, family_id from twins
  union
  select r.record_id, r.family_id from met
  cross join lateral (select * from records r where r.customer_id = met.customer_id offset 0) r
), locked as materialized (
  {locked("select family_id from seeds where $7::bool and not exists (select from asked_sources)")}
)
select
  (select array_agg(row(
    s.source_id, s.system, s.key_digest, s.record_id, s.lead_id, s.first_seen_at, s.modified_at, s.received_at,
    s.deleted_at, st.statement_id, st.sealed_fields
   )) from asked_sources s left join lateral (
    select * from statements st where st.source_id = s.source_id and st.is_current offset 0
   ) st on true),
  (select array_agg(row(record_id, family_id)) from seeds),
  (select array_agg(key) from generic),
  (select array_agg(key) from generic where reason = 'steward'),
  (select array_agg(customer_id) from met),
  (select family_count from locked)
"""
_FAMILIES = f"""
with members as materialized (
  select r.record_id, r.digest, r.sealed_features, r.keys, r.customer_id, r.family_id, r.is_current
  from unnest((select $1::text::bigint[])) as asked (family_id)
  cross join lateral (select * from records r where r.family_id = asked.family_id offset 0) r
), supports as materialized (
  select s.golden_id, s.record_id, s.first_seen_at from members m
  cross join lateral (select * from alias_supports s where s.record_id = m.record_id offset 0) s
), numbers as materialized (
  select customer_id from members union select unnest((select $2::bigint[]))
), named as materialized (
  select c.customer_id, c.golden_id, c.master_id, c.first_seen_at, c.record_count, c.version from numbers
  cross join lateral (select * from customers c where c.customer_id = numbers.customer_id offset 0) c
), links_found as materialized (
  select array_agg(l.a) as a, array_agg(l.b) as b, array_agg(l.kind) as kind, array_agg(l.bits) as bits from members m
  cross join lateral (select l.a, l.b, l.kind, l.bits from links l where l.a = m.record_id offset 0) l
  where (l.b in (select record_id from members)) is true  -- looked up in one set, not joined for each member
), theirs as materialized (
  select a.* from named n
  cross join lateral (select * from aliases a where a.customer_id = n.customer_id offset 0) a
), ids as materialized (
  (select unnest((select $3::text[])) as golden_id union select golden_id from supports)
  except select golden_id from theirs
), generic as materialized (
  select g.key, g.reason from (select distinct unnest(m.keys) as key from members m) k
  cross join lateral (select g.key, g.reason from generic_keys g where g.key = k.key offset 0) g
)
select
  (select array_agg(row(
    record_id, digest, sealed_features, keys, customer_id, family_id, is_current
   )) from members),
  (select a from links_found),
  (select b from links_found),
  (select kind from links_found),
  (select bits from links_found),
  (select array_agg(row({JUDGEMENT_COLUMNS})) from (
    select j.* from members m
    cross join lateral (select * from judgements j where j.a = m.record_id and j.revoked_at is null offset 0) j
    union
    select j.* from members m
    cross join lateral (select * from judgements j where j.b = m.record_id and j.revoked_at is null offset 0) j
   ) j),
  (select array_agg(key) from generic),
  (select array_agg(key) from generic where reason = 'steward'),
  (select array_agg(row(golden_id, record_id, first_seen_at)) from supports),
  (select array_agg(row(customer_id, golden_id, master_id, first_seen_at, record_count, version)) from named),
  (select array_agg(row(a.golden_id, a.master_id, a.customer_id, a.recipe, a.key_id, a.first_seen_at)) from (
    select * from theirs
    union all
    select a.* from ids cross join lateral (select * from aliases a where a.golden_id = ids.golden_id offset 0) a
   ) a)
"""
_HELD = """
with sources_asked as (select unnest($1::bigint[]) as source_id), theirs as materialized (
  select distinct st.source_id, st.record_id from sources_asked join statements st using (source_id)
  where st.record_id <> 0  -- of a row that was deleted nothing is held
), asked as materialized (
  select r.record_id, r.keys from records r
  where r.record_id in (select record_id from theirs)
), held as (
  select a.record_id,
    (select count(*) from sources s where s.record_id = a.record_id) as current_count,
    (select count(distinct st.source_id) from statements st join sources s using (source_id)
     where st.record_id = a.record_id and s.deleted_at is null) as holder_count
  from asked a
), keys as materialized (
  select distinct k.key from asked cross join lateral unnest(asked.keys) as k (key)
), holders as (
  select k.key, h.record_id from keys k
  cross join lateral (
    select rk.record_id from record_keys rk where rk.key = k.key
    order by rk.record_id limit $2 + (select count(*) from asked)
  ) h
)
select
  (select array_agg(row(source_id, record_id)) from theirs),
  (select array_agg(row(record_id, current_count, holder_count)) from held),
  (select array_agg(row(h.key, h.record_id, r.family_id)) from holders h join records r using (record_id))
"""


class SourceFound(NamedTuple):
    """A source on record, with its current statement if it has one."""

    source_id: int
    system: str
    key_digest: bytes
    record_id: int | None
    lead_id: UUID | None
    first_seen_at: datetime
    modified_at: datetime
    received_at: datetime
    deleted_at: datetime | None
    statement_id: int | None
    sealed_fields: bytes | None


class Near(NamedTuple):
    """Where to look: `seeds` maps records to their families, `customers` are those of the ids asked for.

    `declared` are those of the `generic` keys that are so by a steward's word. With `is_locked` the
    families are locked.
    """

    sources: list[SourceFound]
    seeds: dict[int, int]
    generic: list[int]
    declared: list[int]
    customers: list[int]
    is_locked: bool = False


class Families(NamedTuple):
    """Everything about some families, as rows in the order of the columns in the query; judgements as in the store.

    Links are those among the members: what joins a record to another family only waits for a person. They come as
    columns, for there may be thousands: of both ends, the kind and the bits.
    """

    members: Sequence[asyncpg.Record]
    links: Sequence[Sequence[Any]]
    judgements: Sequence[asyncpg.Record]
    generic: Sequence[int]
    declared: Sequence[int]
    supports: Sequence[asyncpg.Record]
    customers: Sequence[asyncpg.Record]
    aliases: Sequence[asyncpg.Record]


class Held(NamedTuple):
    """Who holds what sources have stated.

    `stated` are pairs of source and record; `counts` maps a record to how many sources hold it as their current one,
    and how many at all; `holders` maps a key to records, `families` those to theirs.
    """

    stated: list[tuple[int, int]]
    counts: dict[int, tuple[int, int]]
    holders: dict[int, list[int]]
    families: dict[int, int]


class Asked(NamedTuple):
    """What to look for, each as parallel lists or as a list."""

    systems: Sequence[str]
    key_digests: Sequence[bytes]
    digests: Sequence[bytes]
    keys: Collection[int]
    golden_ids: Collection[str]


async def near(raw: asyncpg.Connection, asked: Asked, *, holders_max: int, may_lock: bool) -> Near:
    """The sources asked for, and the records that share a key that is not generic, a digest or a Golden ID.

    With `may_lock`, and when none of the sources is on record, all their families are locked: nobody else needs to be.
    """
    row = await raw.fetchrow(
        _NEAR,
        asked.systems,
        asked.key_digests,
        asked.digests,
        _array(asked.keys),
        list(asked.golden_ids),
        holders_max,
        may_lock,
    )
    sources, seeds, generic, declared, customers, _ = row
    return Near(
        [SourceFound(*each) for each in sources or ()],
        dict(seeds or ()),
        generic or [],
        declared or [],
        customers or [],
        is_locked=may_lock and not sources,
    )


async def families(
    raw: asyncpg.Connection,
    family_ids: Collection[int],
    *,
    customers: Collection[int] = (),
    golden_ids: Collection[str] = (),
) -> Families:
    """Everything about these families, these customers, and the ids asked for."""
    row = await raw.fetchrow(_FAMILIES, _array(family_ids), list(customers), list(golden_ids))
    members, a, b, kinds, bits, *rest = (part or () for part in row)
    return Families(members, (a, b, kinds, bits), *rest)


async def held(
    raw: asyncpg.Connection,
    source_ids: Collection[int],
    *,
    holders_max: int,
) -> Held:
    """Who else holds what these sources have stated, and who shares a key with it.

    Of a key so many holders are found that more than `holders_max` are left when all of theirs go, or else all.
    """
    row = await raw.fetchrow(_HELD, list(source_ids), holders_max)
    stated, counts, sharing = (part or () for part in row)
    holders: dict[int, list[int]] = {}
    for key, record_id, _ in sharing:
        holders.setdefault(key, []).append(record_id)
    return Held(
        [(source_id, record_id) for source_id, record_id in stated],
        {record_id: (current, held) for record_id, current, held in counts},
        holders,
        {record_id: family_id for _, record_id, family_id in sharing},
    )


def _array(numbers: Collection[int]) -> str:
    """Numbers as PostgreSQL writes them: the driver looks at each one of an array of its own."""
    return "{" + ",".join(map(str, numbers)) + "}"
