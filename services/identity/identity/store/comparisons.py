"""The nightly comparison: how far it is, and what it found (ID-10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import asyncpg

    from identity.domain.arbitration import Difference

_BEGIN = """
insert into comparisons (night, after_customer_id, customer_count, difference_count, started_at)
values ($1, 0, 0, 0, $2) on conflict do nothing
"""
_TAKE = """
select after_customer_id from comparisons where night = $1 and finished_at is null for update skip locked
"""
_NEXT = """
select customer_id from customers where customer_id > $1 order by customer_id limit $2
"""
_SOURCES = """
select s.source_id, s.system, s.key_digest, r.customer_id, t.sealed_fields, t.modified_at
from records r join sources s using (record_id) join statements t on t.source_id = s.source_id and t.is_current
where r.customer_id = any($1::bigint[]) and s.deleted_at is null order by s.source_id
"""
_ADVANCE = """
update comparisons set after_customer_id = $2, customer_count = customer_count + $3,
  difference_count = difference_count + $4, finished_at = $5
where night = $1
"""
_KEEP = """
insert into differences (night, golden_id, field, source_ids, systems, parties, standing)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing
"""
# A row that somebody else is about is left out: it is about to say something else anyway.
_VERIFY = """
update sources set verified_at = $2 where source_id in (
  select source_id from sources where source_id = any($1::bigint[]) for update skip locked
)
"""
_FORGET = "delete from differences where night < $1"
_LAST = "select max(night) from comparisons"
_OF = "select customer_count, difference_count, finished_at from comparisons where night = $1"
_LISTED = """
select golden_id, field, systems, parties, standing from differences
where night = $1 and ($2 = '' or $2 = any(systems)) and (golden_id, field) > ($3, $4)
order by golden_id, field limit $5
"""


@dataclass(frozen=True, slots=True)
class Night:
    """How far one night's comparison is."""

    night: date
    customer_count: int
    difference_count: int
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedDifference:
    """A field in which the systems of a customer differ; `systems` and `parties` go together."""

    golden_id: str
    field: str
    systems: Sequence[str]
    parties: Sequence[int]
    standing: int


async def begin(raw: asyncpg.Connection, night: date, *, now: datetime) -> None:
    """Begins a night's comparison unless somebody did."""
    await raw.execute(_BEGIN, night, now)


async def take(raw: asyncpg.Connection, night: date) -> int | None:
    """The customer behind whom a night's comparison goes on; None when it is over or another replica compares."""
    after: int | None = await raw.fetchval(_TAKE, night)
    return after


async def next_customers(raw: asyncpg.Connection, *, after: int, limit: int) -> list[int]:
    """The numbers of the next customers."""
    return [row[0] for row in await raw.fetch(_NEXT, after, limit)]


async def sources(raw: asyncpg.Connection, customers: Sequence[int]) -> list[asyncpg.Record]:
    """What all sources of these customers say, as `store.write_backs.CurrentSource` names it."""
    found: list[asyncpg.Record] = await raw.fetch(_SOURCES, customers)
    return found


async def advance(
    raw: asyncpg.Connection,
    night: Night,
    *,
    after: int,
) -> None:
    """Adds the counts of `night` to what is kept of it, and goes on behind a customer; over when it finished."""
    await raw.execute(
        _ADVANCE,
        night.night,
        after,
        night.customer_count,
        night.difference_count,
        night.finished_at,
    )


async def keep(
    raw: asyncpg.Connection, night: date, found: Sequence[tuple[str, Difference]]
) -> None:
    """Keeps differences with the Golden IDs of their customers."""
    await raw.executemany(
        _KEEP,
        [
            (
                night,
                golden_id,
                each.field,
                each.source_ids,
                each.systems,
                each.parties,
                each.standing,
            )
            for golden_id, each in found
        ],
    )


async def verify(raw: asyncpg.Connection, source_ids: Sequence[int], *, now: datetime) -> None:
    """Keeps that sources say what stands."""
    await raw.execute(_VERIFY, sorted(source_ids), now)


async def forget(raw: asyncpg.Connection, *, before: date) -> None:
    """Forgets the differences of earlier nights."""
    await raw.execute(_FORGET, before)


async def last_night(raw: asyncpg.Connection) -> date | None:
    """The last night that was compared or is being compared."""
    night: date | None = await raw.fetchval(_LAST)
    return night


async def night_of(raw: asyncpg.Connection, night: date) -> Night | None:
    """How far a night's comparison is; None when it did not begin."""
    row = await raw.fetchrow(_OF, night)
    return None if row is None else Night(night, *row)


async def listed(
    raw: asyncpg.Connection,
    night: date,
    system: str,
    *,
    after: tuple[str, str],
    limit: int,
) -> list[ListedDifference]:
    """A night's differences behind a Golden ID and field; of all systems when `system` is empty."""
    rows = await raw.fetch(_LISTED, night, system, *after, limit)
    return [ListedDifference(*row) for row in rows]
