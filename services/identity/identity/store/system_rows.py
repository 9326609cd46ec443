"""What rows of systems said last, and which of their fields could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    import asyncpg

_KEEP = """
insert into system_rows as kept (
  system, key_digest, entity, sealed_key, sealed_row, version, map_version, problem, is_deleted, modified_at,
  received_at
)
select * from unnest(
  $1::text[], $2::bytea[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::int[], $8::text[], $9::bool[],
  $10::timestamptz[], $11::timestamptz[]
) order by 1, 2
on conflict (system, key_digest) do update set
  entity = excluded.entity, sealed_key = excluded.sealed_key, sealed_row = excluded.sealed_row,
  version = excluded.version, map_version = excluded.map_version, problem = excluded.problem,
  is_deleted = excluded.is_deleted, modified_at = excluded.modified_at, received_at = excluded.received_at
where (kept.modified_at, kept.received_at) <= (excluded.modified_at, excluded.received_at)
"""
_SET_VERSION = """
update system_rows set version = $4 where system = $1 and key_digest = $2 and version = $3
"""
_LOCK = "select 1 from system_rows where system = $1 and key_digest = $2 for update"
_KNOWN = """
select s.system, s.key_digest, s.source_id, t.sealed_fields, s.modified_at, s.received_at
from unnest($1::text[], $2::bytea[]) as asked (system, key_digest)
join sources s using (system, key_digest)
join statements t on t.source_id = s.source_id and t.is_current
where s.deleted_at is null
"""
_FAIL = """
insert into sync_failures as kept (
  system, entity, key_digest, field, reason, failed_at, last_at, failure_count
)
select system, entity, key_digest, field, reason, $6, $6, 1
from unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[])
  as failed (system, entity, key_digest, field, reason)
order by system, key_digest, field
on conflict (system, key_digest, field) where resolved_at is null do update
set reason = excluded.reason, last_at = excluded.last_at, failure_count = kept.failure_count + 1
"""
_RESOLVE = """
update sync_failures f set resolved_at = $5
from unnest($1::text[], $2::bytea[]) as read (system, key_digest)
where f.system = read.system and f.key_digest = read.key_digest and f.resolved_at is null
  and not exists (
    select 1 from unnest($3::bytea[], $4::text[]) as failed (key_digest, field)
    where failed.key_digest = f.key_digest and failed.field = f.field
  )
"""
_UNMAPPED = """
insert into unmapped_fields as kept (system, entity, field, row_count, first_seen_at, last_seen_at)
select *, $5, $5 from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) order by 1, 2, 3
on conflict (system, entity, field) do update
set row_count = kept.row_count + excluded.row_count, last_seen_at = excluded.last_seen_at
"""
_FAILED_ROWS = """
select r.system, r.key_digest, r.entity, r.sealed_key, r.sealed_row, r.version, r.map_version, r.problem, r.is_deleted,
  r.modified_at, r.received_at from system_rows r
where system = $1 and key_digest > $2 and (
  problem <> '' or exists (
    select 1 from sync_failures f
    where f.system = r.system and f.key_digest = r.key_digest and f.resolved_at is null
  )
)
order by key_digest limit $3
"""
_LATEST = """
select system, key_digest, entity, sealed_key, sealed_row, version, map_version, problem, is_deleted, modified_at,
  received_at from system_rows where system = $1 and not is_deleted order by received_at desc limit $2
"""
_SYSTEMS_OF = """
select distinct s.system from records r join sources s using (record_id)
join system_rows kept on kept.system = s.system and kept.key_digest = s.key_digest
where r.customer_id = any($1::bigint[]) order by s.system
"""


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row as it is kept; `sealed_row` opens with its digest."""

    system: str
    key_digest: bytes
    entity: str
    sealed_key: bytes
    sealed_row: bytes
    version: str
    map_version: int
    problem: str
    is_deleted: bool
    modified_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A field of a row that could not be read; an empty name for the whole row."""

    system: str
    entity: str
    key_digest: bytes
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What a source says by its current statement, and when it was last heard of: by its own clock, and by ours."""

    source_id: int
    sealed_fields: bytes
    modified_at: datetime
    received_at: datetime


async def keep(raw: asyncpg.Connection, rows: Sequence[KeptRow]) -> None:
    """Keeps what rows say, each named once; an older word than the one that is kept changes nothing."""
    columns = zip(*((
        row.system, row.key_digest, row.entity, row.sealed_key, row.sealed_row, row.version, row.map_version,
        row.problem, row.is_deleted, row.modified_at, row.received_at,
    ) for row in rows), strict=True)  # fmt: skip
    await raw.execute(_KEEP, *(list(column) for column in columns))


async def set_version(
    raw: asyncpg.Connection, key: tuple[str, bytes], *, before: str, after: str
) -> None:
    """Keeps the version that a row has since we wrote to it, unless a later one was received meanwhile."""
    await raw.execute(_SET_VERSION, *key, before, after)


async def lock(raw: asyncpg.Connection, system: str, key_digest: bytes) -> None:
    """Keeps others from a row until the transaction ends."""
    await raw.fetchval(_LOCK, system, key_digest)


async def known_sources(
    raw: asyncpg.Connection, keys: Sequence[tuple[str, bytes]]
) -> Mapping[tuple[str, bytes], KnownSource]:
    """What the sources of these systems and digests say now, as far as they are in the crosswalk."""
    rows = await raw.fetch(_KNOWN, [key[0] for key in keys], [key[1] for key in keys])
    return {(row[0], row[1]): KnownSource(row[2], row[3], row[4], row[5]) for row in rows}


async def note_failures(
    raw: asyncpg.Connection,
    read: Sequence[tuple[str, bytes]],
    failures: Sequence[Failure],
    *,
    now: datetime,
) -> None:
    """Of the rows that were read, keeps what could not be, and resolves what can be now. Rows are named once."""
    digests, fields = [each.key_digest for each in failures], [each.field for each in failures]
    keys = sorted(read)
    await raw.execute(
        _RESOLVE, [key[0] for key in keys], [key[1] for key in keys], digests, fields, now
    )
    if failures:
        await raw.execute(
            _FAIL,
            [each.system for each in failures],
            [each.entity for each in failures],
            digests,
            fields,
            [each.reason for each in failures],
            now,
        )


async def count_unmapped(
    raw: asyncpg.Connection, counts: Mapping[tuple[str, str, str], int], *, now: datetime
) -> None:
    """Counts fields, by system, kind of row and name, that no map names."""
    systems, entities, fields = zip(*counts, strict=True)
    await raw.execute(
        _UNMAPPED, list(systems), list(entities), list(fields), list(counts.values()), now
    )


async def failed_rows(
    raw: asyncpg.Connection, system: str, *, after: bytes, limit: int
) -> list[KeptRow]:
    """Rows with something that could not be read, in the order of their digests, behind `after`."""
    return [KeptRow(*row.values()) for row in await raw.fetch(_FAILED_ROWS, system, after, limit)]


async def latest_rows(raw: asyncpg.Connection, system: str, *, limit: int) -> list[KeptRow]:
    """The rows that came last."""
    return [KeptRow(*row.values()) for row in await raw.fetch(_LATEST, system, limit)]


async def systems_of(raw: asyncpg.Connection, customer_ids: Collection[int]) -> list[str]:
    """The systems whose rows about these customers are kept, by name."""
    return [system for (system,) in await raw.fetch(_SYSTEMS_OF, list(customer_ids))]
