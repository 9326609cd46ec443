"""Pairs of records that wait for a person: scores between refusal and acceptance, and bridges that hold too much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.rows import Base

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import asyncpg

    from identity.domain.evidence import Bridge
    from identity.domain.judgements import Pair


_OPEN = """
with waiting as (
  select a, b, 1 as kind, bits, posterior, model_version, made_at from links
  where outcome = 2 and decided_at is null
  union all
  select w.a, w.b, 2, l.bits, l.posterior, l.model_version, w.made_at
  from weak_bridges w join links l using (a, b) where w.decided_at is null and l.outcome = 1
)
select a, b, kind, bits, posterior, model_version, made_at from waiting
where (made_at, a, b, kind) > ($1, $2, $3, $4)
"""
_PAGE = f"{_OPEN} order by made_at, a, b, kind limit $5"
_PAGE_OF_RECORDS = f"{_OPEN} and (a = any($6) or b = any($6)) order by made_at, a, b, kind limit $5"
_KIND = """
select case when outcome = 2 then 1 else 2 end from links
where a = $1 and b = $2 and (
  (outcome = 2 and decided_at is null)
  or exists (select from weak_bridges w where w.a = $1 and w.b = $2 and w.decided_at is null)
)
"""
_CLOSE_LINKS = """
update links l set decided_at = $3 from unnest($1::bigint[], $2::bigint[]) as said (a, b)
where l.a = said.a and l.b = said.b and l.decided_at is null
"""
_CLOSE_BRIDGES = """
update weak_bridges w set decided_at = $3 from unnest($1::bigint[], $2::bigint[]) as said (a, b)
where w.a = said.a and w.b = said.b and w.decided_at is null
"""
_REOPEN_LINKS = """
update links l set decided_at = null from unnest($1::bigint[], $2::bigint[]) as said (a, b)
where l.a = said.a and l.b = said.b and l.outcome = 2
"""
_SUSPECT = """
insert into weak_bridges (a, b, record_count, made_at)
select a, b, record_count, $4
from unnest($1::bigint[], $2::bigint[], $3::int[]) as found (a, b, record_count) order by a, b
on conflict (a, b) do nothing returning a, b
"""


class WeakBridgeRow(Base):
    """A pair that alone, and barely, holds two large parts of a customer together; found once, asked once."""

    __tablename__ = "weak_bridges"
    a: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    b: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    record_count: Mapped[int]  # of the smaller part
    made_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]  # when a person answered

    __table_args__ = (
        CheckConstraint("a < b", name="a_is_smaller"),
        Index("ix_weak_bridges_open", "made_at", postgresql_where=text("decided_at is null")),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pair that waits, why (1 uncertain, 2 a weak bridge), and since when."""

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


async def kind_of(raw: asyncpg.Connection, pair: Pair) -> int | None:
    """Why a pair waits; None when it does not."""
    kind: int | None = await raw.fetchval(_KIND, *pair)
    return kind


async def close(raw: asyncpg.Connection, pairs: Collection[Pair], at: datetime) -> None:
    """Takes pairs out of the queue, since a person has spoken."""
    if pairs:
        columns = _columns(pairs)
        await raw.execute(_CLOSE_LINKS, *columns, at)
        await raw.execute(_CLOSE_BRIDGES, *columns, at)


async def reopen(raw: asyncpg.Connection, pairs: Collection[Pair]) -> None:
    """Puts uncertain pairs back into the queue, since what was said of them is revoked."""
    if pairs:
        await raw.execute(_REOPEN_LINKS, *_columns(pairs))


async def suspect(raw: asyncpg.Connection, bridges: Sequence[Bridge], at: datetime) -> set[Pair]:
    """Puts weak bridges into the queue; returns those that were never there."""
    if not bridges:
        return set()
    rows = await raw.fetch(
        _SUSPECT,
        [each.edge.a for each in bridges],
        [each.edge.b for each in bridges],
        [each.smaller_count for each in bridges],
        at,
    )
    return {(a, b) for a, b in rows}


def _columns(pairs: Collection[Pair]) -> tuple[list[int], list[int]]:
    ordered = sorted(pairs)
    return [a for a, _ in ordered], [b for _, b in ordered]
