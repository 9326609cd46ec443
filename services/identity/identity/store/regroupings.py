"""The log of who belonged to whom: what it says now, and what it said after any regrouping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    import asyncpg

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
_ONE = f"select {_COLUMNS} from regroupings g where g.regrouping_id = $1"
_MOVES = f"""
select m.regrouping_id, m.record_id, m.from_customer, m.to_customer
from unnest($1::bigint[]) as wanted (regrouping_id)
cross join lateral (
  select * from moves where moves.regrouping_id = wanted.regrouping_id
  order by record_id limit {MOVES_LISTED_MAX}
) m
"""
_IS_OF = """
with numbers as (
  select customer_id from records where record_id = any($2)
  union select from_customer from moves where record_id = any($2)
  union select to_customer from moves where record_id = any($2)
)
select exists (
  select from moves where regrouping_id = $1 and (
    record_id = any($2) or from_customer in (select * from numbers) or to_customer in (select * from numbers)
  )
)
"""
_MOVED_IN = "select record_id from moves where regrouping_id = $1"
# Before its first move a record was where that move took it from; without any move it is where it has always been.
_PLACES = """
with theirs as materialized (
  select record_id, regrouping_id, from_customer, to_customer from moves where record_id = any($1)
), last as (
  select distinct on (record_id) record_id, coalesce(to_customer, 0) as number from theirs
  where regrouping_id <= $2 order by record_id, regrouping_id desc
), next as (
  select distinct on (record_id) record_id, from_customer as number from theirs
  where regrouping_id > $2 order by record_id, regrouping_id
)
select r.record_id, coalesce(last.number, next.number, r.customer_id) as customer_id
from records r left join last using (record_id) left join next using (record_id)
where r.record_id = any($1) and r.made_at <= $3
"""
_EVER_OF = """
select record_id from moves where from_customer = any($1)
union select record_id from moves where to_customer = any($1)
union select record_id from records where customer_id = any($1)
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


async def regrouping(raw: asyncpg.Connection, regrouping_id: int) -> Regrouping | None:
    """One regrouping, without its moves."""
    row = await raw.fetchrow(_ONE, regrouping_id)
    return None if row is None else _regrouping(row, ())


async def is_of(raw: asyncpg.Connection, regrouping_id: int, record_ids: Collection[int]) -> bool:
    """Whether a regrouping moved one of these records, or any from or to a customer that one of them ever had."""
    return bool(await raw.fetchval(_IS_OF, regrouping_id, list(record_ids)))


async def moved_in(raw: asyncpg.Connection, regrouping_id: int) -> set[int]:
    """The records that a regrouping moved."""
    return {record_id for (record_id,) in await raw.fetch(_MOVED_IN, regrouping_id)}


async def places(
    raw: asyncpg.Connection, record_ids: Collection[int], *, after_id: int, at: datetime
) -> dict[int, int]:
    """The customer of each living record right after a regrouping made `at`; 0 for one released by then.

    Records that were made later are left out.
    """
    rows = await raw.fetch(_PLACES, list(record_ids), after_id, at)
    return {row["record_id"]: row["customer_id"] for row in rows}


async def ever_of(raw: asyncpg.Connection, customers: Collection[int]) -> set[int]:
    """Every record that these customers have or ever had."""
    return {record_id for (record_id,) in await raw.fetch(_EVER_OF, list(customers))}


def _regrouping(row: asyncpg.Record, moves: Iterable[Move]) -> Regrouping:
    return Regrouping(
        row["regrouping_id"],
        row["kind"],
        row["actor"],
        row["reason"],
        row["made_at"],
        tuple(moves),
    )
