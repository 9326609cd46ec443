"""Rows of systems and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg

_SOURCE = "s.source_id, s.system, s.key_digest, s.sealed_key, s.modified_at, s.received_at, s.verified_at, s.deleted_at"
_BY_KEY = f"""
select {_SOURCE}, c.golden_id, c.master_id
from sources s join records r using (record_id) join customers c using (customer_id)
where s.system = $1 and s.key_digest = $2
"""
_OF_CUSTOMER = f"""
select {_SOURCE}
from records r join sources s using (record_id)
where r.customer_id = $1 and (s.system, s.source_id) > ($2, $3)
order by s.system, s.source_id limit $4
"""
_COUNTS = """
select k.system, count(*),
  count(*) filter (where c.customer_id is not null),
  count(*) filter (where exists (
    select 1 from records other join sources o using (record_id)
    where other.customer_id = c.customer_id and o.system <> k.system and o.deleted_at is null
  ))
from system_rows k
left join sources s on s.system = k.system and s.key_digest = k.key_digest and s.deleted_at is null
left join records r on r.record_id = s.record_id
left join customers c on c.customer_id = r.customer_id
where not k.is_deleted and ($1 = '' or k.system = $1)
group by k.system order by k.system
"""
_MISSING = """
from system_rows k
where not k.is_deleted and ($1 = '' or k.system = $1) and not exists (
  select 1 from sources s join records r using (record_id)
  where s.system = k.system and s.key_digest = k.key_digest and s.deleted_at is null
)
"""
_REASONS = f"""
select k.system, coalesce(nullif(k.problem, ''), 'not_resolved') as reason, count(*) {_MISSING}
group by 1, 2 order by 3 desc, 2
"""
_MISSING_ROWS = f"""
select system, key_digest, entity, sealed_key, reason, received_at from (
  select k.system, k.key_digest, k.entity, k.sealed_key, coalesce(nullif(k.problem, ''), 'not_resolved') as reason,
    k.received_at, row_number() over (partition by k.system order by k.received_at desc) as place {_MISSING}
) missing
where place <= $2 order by system, place
"""
_UNMAPPED = """
select entity, field, row_count, last_seen_at from unmapped_fields
where system = $1 order by row_count desc, entity, field limit 200
"""


@dataclass(frozen=True, slots=True)
class KeptSource:
    """A row of the crosswalk as it is kept."""

    source_id: int
    system: str
    key_digest: bytes
    sealed_key: bytes
    modified_at: datetime
    received_at: datetime
    verified_at: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class MissingKey:
    """A row without a customer as it is kept."""

    system: str
    key_digest: bytes
    entity: str
    sealed_key: bytes
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class UnmappedField:
    """A field that no map names."""

    entity: str
    field: str
    row_count: int
    last_seen_at: datetime


async def source_of_key(
    raw: asyncpg.Connection, system: str, key_digest: bytes
) -> tuple[KeptSource, str, str] | None:
    """A row with the Golden ID and master id of its customer; None when the crosswalk has none."""
    row = await raw.fetchrow(_BY_KEY, system, key_digest)
    return None if row is None else (KeptSource(*list(row)[:8]), row[8], row[9])


async def sources_of(
    raw: asyncpg.Connection, customer_id: int, *, after: tuple[str, int], limit: int
) -> list[KeptSource]:
    """The rows of a customer behind one, by system and number."""
    return [KeptSource(*row) for row in await raw.fetch(_OF_CUSTOMER, customer_id, *after, limit)]


async def counts(raw: asyncpg.Connection, system: str) -> Mapping[str, tuple[int, int, int]]:
    """By system: rows, those with a customer, and those whose customer another system knows; all when empty."""
    return {row[0]: (row[1], row[2], row[3]) for row in await raw.fetch(_COUNTS, system)}


async def reasons(raw: asyncpg.Connection, system: str) -> Mapping[str, Sequence[tuple[str, int]]]:
    """By system, why rows have no customer and how many, the most frequent first."""
    found: dict[str, list[tuple[str, int]]] = {}
    for name, reason, count in await raw.fetch(_REASONS, system):
        found.setdefault(name, []).append((reason, count))
    return found


async def missing(raw: asyncpg.Connection, system: str, *, limit: int) -> list[MissingKey]:
    """The latest rows without a customer, at most `limit` of each system."""
    return [MissingKey(*row) for row in await raw.fetch(_MISSING_ROWS, system, limit)]


async def unmapped(raw: asyncpg.Connection, system: str) -> list[UnmappedField]:
    """Fields of a system that no map names, the most frequent first, at most 200."""
    return [UnmappedField(*row) for row in await raw.fetch(_UNMAPPED, system)]
