"""Pairs of records that wait for a person: uncertain scores, bridges that hold too much, customers grown too large."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING

from identity.domain.evidence import BRIDGE_POSTERIOR_MAX, PART_MIN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import asyncpg

    from identity.domain.judgements import Pair


LARGE_MIN = 20
"""No model lets a customer be too large below it."""

_OPEN = """
with waiting as (
  select a, b, 1 as kind, bits, posterior, model_version, made_at from links
  where outcome = 2 and decided_at is null
  union all
  select w.a, w.b, w.kind, l.bits, l.posterior, l.model_version, w.made_at
  from suspicions w join links l using (a, b) where w.decided_at is null and l.outcome = 1
)
select a, b, kind, bits, posterior, model_version, made_at from waiting
where (made_at, a, b, kind) > ($1, $2, $3, $4)
"""
_PAGE = f"{_OPEN} order by made_at, a, b, kind limit $5"
_PAGE_OF_RECORDS = f"{_OPEN} and (a = any($6) or b = any($6)) order by made_at, a, b, kind limit $5"
_WAITS = """
select exists (
  select from links l where l.a = $1 and l.b = $2 and (
    (outcome = 2 and decided_at is null)
    or exists (select from suspicions w where w.a = $1 and w.b = $2 and w.decided_at is null)
  )
)
"""
_SUSPECT = """
insert into suspicions (a, b, kind, record_count, made_at)
select a, b, $4, record_count, $5
from unnest($1::bigint[], $2::bigint[], $3::int[]) as found (a, b, record_count) order by a, b
on conflict (a, b) do nothing returning a, b
"""
_BARELY_HELD = f"""
select l.a, l.b, c.customer_id from links l
join records r on r.record_id = l.a join records o on o.record_id = l.b
join customers c on c.customer_id = r.customer_id
where l.outcome = 1 and l.kind = 1 and l.posterior < {BRIDGE_POSTERIOR_MAX} and (l.a, l.b) > ($1, $2)
  and o.customer_id = r.customer_id and c.record_count >= {2 * PART_MIN}
  and not exists (select from suspicions w where w.a = l.a and w.b = l.b)
order by l.a, l.b limit $3
"""
_TOO_LARGE = f"""
select distinct on (c.customer_id) l.a, l.b, c.customer_id, c.record_count
from customers c join records r using (customer_id)
join links l on r.record_id in (l.a, l.b)
join records o on o.record_id in (l.a, l.b) and o.customer_id <> c.customer_id
where c.record_count >= $1 and c.record_count >= {LARGE_MIN} and l.outcome = 1
  and not exists (
    select from judgements j where j.a = l.a and j.b = l.b and j.verdict = 1 and j.revoked_at is null
  )
  and not exists (
    select from suspicions w join records x on x.record_id in (w.a, w.b)
    where w.kind = 3 and x.customer_id = c.customer_id
  )
order by c.customer_id, l.bits desc, l.a, l.b limit $2
"""


class ReviewKind(IntEnum):
    """Why a pair waits; the numbers are kept in the database and are those of the contract."""

    UNCERTAIN = 1
    WEAK_BRIDGE = 2
    TOO_LARGE = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pair that waits, why, and since when."""

    a: int
    b: int
    kind: int
    bits: float
    posterior: float
    model_version: str
    made_at: datetime

    @property
    def place(self) -> Place:
        """Where it stands in the queue."""
        return (self.made_at, self.a, self.b, self.kind)


Place = tuple[datetime, int, int, int]


async def page(
    raw: asyncpg.Connection, record_ids: Collection[int] | None, *, after: Place, limit: int
) -> list[Waiting]:
    """Pairs that wait after a place, oldest first; with one of these records, or all when None."""
    if record_ids is None:
        rows = await raw.fetch(_PAGE, *after, limit)
    else:
        rows = await raw.fetch(_PAGE_OF_RECORDS, *after, limit, list(record_ids))
    return [Waiting(*row) for row in rows]


async def waits(raw: asyncpg.Connection, pair: Pair) -> bool:
    """Whether a pair waits for a person."""
    return bool(await raw.fetchval(_WAITS, *pair))


async def suspect(
    raw: asyncpg.Connection, kind: ReviewKind, suspected: Mapping[Pair, int], at: datetime
) -> set[Pair]:
    """Puts pairs, each with a number of records, into the queue; returns those that were never there."""
    if not suspected:
        return set()
    columns = _columns(suspected)
    counts = [suspected[pair] for pair in sorted(suspected)]
    return {(a, b) for a, b in await raw.fetch(_SUSPECT, *columns, counts, kind, at)}


async def barely_held(
    raw: asyncpg.Connection, *, after: Pair, limit: int
) -> list[tuple[Pair, int]]:
    """Barely accepted pairs inside large customers, nobody was asked about yet, each with its customer."""
    rows = await raw.fetch(_BARELY_HELD, *after, limit)
    return [((row[0], row[1]), row[2]) for row in rows]


async def too_large(
    raw: asyncpg.Connection, *, size_max: int, limit: int
) -> list[tuple[Pair, int, int]]:
    """Customers that may not grow and would: the strongest pair that was not joined, customer, number of records."""
    rows = await raw.fetch(_TOO_LARGE, size_max, limit)
    return [((row[0], row[1]), row[2], row[3]) for row in rows]


def _columns(pairs: Collection[Pair]) -> tuple[list[int], list[int]]:
    ordered = sorted(pairs)
    return [a for a, _ in ordered], [b for _, b in ordered]
