"""Who belongs to whom: changing it, the log of it, and how it was right before or after any regrouping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from identity.store.cases import MEMBERS_MAX, NAMED, locked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    import asyncpg

    from identity.store.differences import Difference

    Moved = tuple[int, int | None, int | None]

MOVES_LISTED_MAX = 1000
NEWEST = 2**63 - 1
"""Before this one come all."""

_COLUMNS = "g.regrouping_id, g.kind, g.actor, g.reason, g.made_at"
_PAGE = f"""
select {_COLUMNS} from regroupings g
where g.regrouping_id < $2 and g.regrouping_id in (
  select regrouping_id from moves where record_id = any($1)
  union select regrouping_id from moves where from_customer = $3
  union select regrouping_id from moves where to_customer = $3
)
order by g.regrouping_id desc limit $4
"""
_MOVES = f"""
select m.regrouping_id, m.record_id, m.from_customer, m.to_customer
from unnest($1::bigint[]) as wanted (regrouping_id)
cross join lateral (
  select * from moves where moves.regrouping_id = wanted.regrouping_id
  order by record_id limit {MOVES_LISTED_MAX}
) m
"""
# Where a record was that the regrouping did not move: where its last move before took it, or else where its next one
# took it from, or where it has always been. The offsets keep the planner at look-ups by index: else it might look for
# one record's move in the log of all.
_PLACE = """
  select r.record_id, r.family_id, coalesce(last.number, next.number, r.customer_id) as number
  from change
  cross join lateral (select * from records r where r.record_id = asked.record_id offset 0) r
  left join lateral (
    select coalesce(m.to_customer, 0) as number
    from (select * from moves m where m.record_id = r.record_id offset 0) m
    where m.regrouping_id < change.regrouping_id order by m.regrouping_id desc limit 1
  ) last on true
  left join lateral (
    select m.from_customer as number from (select * from moves m where m.record_id = r.record_id offset 0) m
    where m.regrouping_id > change.regrouping_id order by m.regrouping_id limit 1
  ) next on true
  where r.made_at <= change.at
"""
# A regrouping is a customer's when it moved one of their records, or any from or to a customer that one ever had.
# `ours` and those who were moved show whose groups are wanted; the others of a group are there still, or left it later.
_EARLIER = f"""
with named as materialized (
  select c.customer_id from (select $1::text as name) as asked cross join lateral ({NAMED}) c
), ours as materialized (
  select r.record_id, named.customer_id from named cross join lateral (
    select r.record_id from records r where r.customer_id = named.customer_id
    order by r.record_id limit {MEMBERS_MAX}
  ) r
), change as materialized (
  select regrouping_id, case when $3 then made_at - interval '1 microsecond' else made_at end as at
  from regroupings where regrouping_id = $2
), moved as materialized (
  select record_id, from_customer, to_customer,
    case when $3 then from_customer else coalesce(to_customer, 0) end as number
  from moves where regrouping_id = $2
), had as materialized (
  select m.from_customer, m.to_customer from ours
  cross join lateral (select * from moves m where m.record_id = ours.record_id offset 0) m
), numbers as materialized (
  select customer_id from ours union select from_customer from had union select to_customer from had
), is_theirs as materialized (
  select case when exists (select from moved where record_id in (select record_id from ours)) then true
    else exists (
      select from moved where from_customer in (select customer_id from numbers)
        or to_customer in (select customer_id from numbers)
    ) end as it
), nearest as materialized (
  select r.record_id, r.family_id, moved.number from moved cross join change
  cross join lateral (select * from records r where r.record_id = moved.record_id offset 0) r
  where r.made_at <= change.at
  union all
  select place.* from ours asked cross join lateral ({_PLACE}) place
  where asked.record_id not in (select record_id from moved)
), holders as materialized (
  select distinct number from nearest where (select it from is_theirs) and number <> 0
), others as materialized (
  select r.record_id from holders
  cross join lateral (select record_id from records r where r.customer_id = holders.number offset 0) r
  union
  select m.record_id from holders cross join change
  cross join lateral (select * from moves m where m.from_customer = holders.number offset 0) m
  where m.regrouping_id > change.regrouping_id
  except
  select record_id from nearest
), places as materialized (
  select * from nearest where number in (select number from holders)
  union all
  select place.* from others asked cross join lateral ({_PLACE}) place
  where place.number in (select number from holders)
), locked as materialized (
  {locked("select family_id from places")}
)
select
  exists (select from named),
  (select it from is_theirs),
  (select array_agg(row(record_id, number, family_id)) from places),
  (select family_count from locked)
"""
_LEADS = """
select array_agg(row(s.record_id, s.lead_id) order by s.lead_id) from unnest((select $1::bigint[])) as n (record_id)
cross join lateral (select * from sources s where s.record_id = n.record_id offset 0) s
where s.lead_id is not null
"""
_LOGGED = """
made as (
  insert into regroupings (kind, actor, reason, made_at) values ($4, $5, $6, $7) returning regrouping_id
), moved as (
  insert into moves (regrouping_id, record_id, from_customer, to_customer)
  select made.regrouping_id, n.* from made, unnest($1::bigint[], $2::bigint[], $3::bigint[]) as n
)
"""
_LOG = f"with {_LOGGED} select regrouping_id, ({_LEADS}) from made"
# Of an id that passes from one customer to another the former row must be gone before the new one comes.
_WRITE = f"""
with placed as (
  update records r set customer_id = n.customer_id, family_id = n.family_id, is_current = n.is_current
  from unnest($8::bigint[], $9::bigint[], $10::bigint[], $11::bool[])
    as n (record_id, customer_id, family_id, is_current)
  where r.record_id = n.record_id
), renamed as (
  delete from customers where customer_id = any((select $12::bigint[])::bigint[]) returning customer_id
), called as (
  insert into aliases (golden_id, master_id, customer_id, recipe, key_id, first_seen_at, minted_at)
  select n.*, $7
  from unnest($13::text[], $14::text[], $15::bigint[], $16::smallint[], $17::text[], $18::timestamptz[]) as n
  on conflict (golden_id) do update set customer_id = excluded.customer_id, first_seen_at = excluded.first_seen_at
), supported as (
  insert into alias_supports (golden_id, record_id, first_seen_at)
  select * from unnest($19::text[], $20::bigint[], $21::timestamptz[])
  on conflict (golden_id, record_id) do update set first_seen_at = excluded.first_seen_at
), named as (
  insert into customers (customer_id, golden_id, master_id, first_seen_at, record_count, version)
  select * from unnest($22::bigint[], $23::text[], $24::text[], $25::timestamptz[], $26::int[], $27::int[])
  where (select count(*) from renamed) is not null
  on conflict (customer_id) do update
  set record_count = excluded.record_count, version = excluded.version, first_seen_at = excluded.first_seen_at
), {_LOGGED}
select regrouping_id, ({_LEADS}) from made
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A record that changed hands; to None when it was released."""

    record_id: int
    from_customer: int | None
    to_customer: int | None


@dataclass(frozen=True, slots=True)
class Regrouping:
    """One change of who belongs to whom, with at most 1,000 of its moves."""

    regrouping_id: int
    kind: int
    actor: str
    reason: str
    made_at: datetime
    moves: tuple[Move, ...]


class Log(NamedTuple):
    """Why customers were regrouped, by whom and when."""

    kind: int
    actor: str
    reason: str
    made_at: datetime


class Logged(NamedTuple):
    """A regrouping's number, and the leads that say what each of its records holds, in the order of their ids."""

    regrouping_id: int
    leads: dict[int, list[str]]


class Earlier(NamedTuple):
    """Records as they were grouped; nothing where the customer is not known or the regrouping is not one of theirs."""

    is_known: bool
    is_theirs: bool
    groups: list[frozenset[int]]
    families: dict[int, int]


async def page(
    raw: asyncpg.Connection,
    record_ids: Collection[int],
    *,
    customer: int,
    before_id: int,
    limit: int,
) -> list[Regrouping]:
    """Regroupings of these records or of this customer before one, newest first."""
    rows = await raw.fetch(_PAGE, list(record_ids), before_id, customer, limit)
    moves: dict[int, list[Move]] = {row["regrouping_id"]: [] for row in rows}
    for regrouping_id, *move in await raw.fetch(_MOVES, list(moves)):
        moves[regrouping_id].append(Move(*move))
    return [_regrouping(row, moves[row["regrouping_id"]]) for row in rows]


async def log(raw: asyncpg.Connection, why: Log, moves: Sequence[Moved]) -> Logged:
    """Writes which records changed hands, from which customer to which."""
    return _logged(await raw.fetchrow(_LOG, *_columns(moves, 3), *why))


async def write(
    raw: asyncpg.Connection, difference: Difference, why: Log, moves: Sequence[Moved]
) -> Logged:
    """Writes and logs a difference in which nothing but customers changes (`Difference.is_of_customers`)."""
    row = await raw.fetchrow(
        _WRITE,
        *_columns(moves, 3),
        *why,
        *_columns(difference.moved, 4),
        difference.renamed,
        *_columns(difference.called + difference.minted, 6),
        *_columns(difference.supported, 3),
        *_columns(difference.customers, 6),
    )
    return _logged(row)


async def earlier(
    raw: asyncpg.Connection, customer_id: str, regrouping_id: int, *, is_before: bool
) -> Earlier:
    """How the records were grouped, that a customer's records were with right before or after a regrouping.

    Of a customer with more than 1,000 records the oldest are asked about. Records that came later are in no group. The
    families of all records in a group are locked; the gate must be entered before.
    """
    row = await raw.fetchrow(_EARLIER, customer_id, regrouping_id, is_before)
    is_known, is_theirs, places, _ = row
    groups: dict[int, set[int]] = {}
    for record_id, number, _ in places or ():
        groups.setdefault(number, set()).add(record_id)
    return Earlier(
        is_known,
        is_theirs,
        [frozenset(group) for _, group in sorted(groups.items())],
        {record_id: family_id for record_id, _, family_id in places or ()},
    )


def _regrouping(row: asyncpg.Record, moves: Iterable[Move]) -> Regrouping:
    return Regrouping(
        row["regrouping_id"],
        row["kind"],
        row["actor"],
        row["reason"],
        row["made_at"],
        tuple(moves),
    )


def _logged(row: asyncpg.Record) -> Logged:
    regrouping_id, found = row
    leads: dict[int, list[str]] = {}
    for record_id, lead_id in found or ():
        leads.setdefault(record_id, []).append(str(lead_id))
    return Logged(regrouping_id, leads)


def _columns(rows: Sequence[Sequence[Any]], count: int) -> list[Sequence[Any]]:
    """Rows as columns, so many also when there are no rows."""
    return list(zip(*rows, strict=True)) if rows else [()] * count
