"""Records of people's devices. Whoever changes a person's records holds that person's row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lead_intake.domain.retention import Deleted
from lead_intake.domain.sync import RecordKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_OWNER_ADD = "insert into sync_owners (owner_id, position) values ($1, 0) on conflict do nothing"
_OWNER_LOCK = "select position from sync_owners where owner_id = $1 for update"
_OWNER_MOVE = "update sync_owners set position = $2 where owner_id = $1"
_RECORDS = """
select collection, record_id, version, sealed_fields from synced_records
join unnest($2::text[], $3::text[]) as asked (collection, record_id) using (collection, record_id)
where owner_id = $1
"""
_COUNT = "select count(*) from synced_records where owner_id = $1"
_PUT = """
insert into synced_records (owner_id, collection, record_id, version, position, modified_at, changed_at, is_deleted,
                            sealed_fields)
select $1, collection, record_id, version, position, modified_at, $2, is_deleted, sealed_fields
from unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::boolean[], $9::bytea[])
  as t (collection, record_id, version, position, modified_at, is_deleted, sealed_fields)
on conflict (owner_id, collection, record_id) do update
set version = excluded.version, position = excluded.position, modified_at = excluded.modified_at,
    changed_at = excluded.changed_at, is_deleted = excluded.is_deleted, sealed_fields = excluded.sealed_fields
"""
_KNOWN = """
select change_id, version, sealed_conflicts from synced_changes where owner_id = $1 and change_id = any($2::uuid[])
"""
_ADD_CHANGES = """
insert into synced_changes (owner_id, change_id, collection, record_id, client_id, base_version, version, modified_at,
                            received_at, is_deleted, sealed_fields, sealed_conflicts)
select $1, change_id, collection, record_id, client_id, base_version, version, modified_at, $2, is_deleted,
       sealed_fields, sealed_conflicts
from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::timestamptz[],
            $10::boolean[], $11::bytea[], $12::bytea[])
  as t (change_id, collection, record_id, client_id, base_version, version, modified_at, is_deleted, sealed_fields,
        sealed_conflicts)
"""
_PULL = """
select collection, record_id, version, position, modified_at, is_deleted, sealed_fields from synced_records
where owner_id = $1 and position > $2 and changed_at > $3 order by position limit $4
"""
_DROP_CHANGES = """
delete from synced_changes where (owner_id, change_id) in (
  select owner_id, change_id from synced_changes where received_at < $1
  order by received_at limit $2 for update skip locked
) returning change_id, received_at
"""
_DROP_TOMBSTONES = """
delete from synced_records where (owner_id, collection, record_id) in (
  select owner_id, collection, record_id from synced_records where changed_at < $1 and is_deleted
  order by changed_at limit $2 for update skip locked
)
"""


class SealedRecord(NamedTuple):
    """A record as it is kept."""

    key: RecordKey
    version: int
    sealed_fields: bytes


class RecordWrite(NamedTuple):
    """A record to be written, and its place among the person's changes."""

    collection: str
    record_id: str
    version: int
    position: int
    modified_at: datetime
    is_deleted: bool
    sealed_fields: bytes


class ChangeWrite(NamedTuple):
    """A change to be kept."""

    change_id: UUID
    collection: str
    record_id: str
    client_id: str
    base_version: int
    version: int
    modified_at: datetime
    is_deleted: bool
    sealed_fields: bytes
    sealed_conflicts: bytes


class KnownChange(NamedTuple):
    """A change that was taken before."""

    change_id: UUID
    version: int
    sealed_conflicts: bytes


class Pulled(NamedTuple):
    """One record of a page."""

    key: RecordKey
    version: int
    position: int
    modified_at: datetime
    is_deleted: bool
    sealed_fields: bytes


async def lock_owner(raw: asyncpg.Connection, owner_id: str) -> int:
    """The position of a person's last change; nobody else changes their records until the transaction ends."""
    await raw.execute(_OWNER_ADD, owner_id)
    return int(await raw.fetchval(_OWNER_LOCK, owner_id))


async def move_owner(raw: asyncpg.Connection, owner_id: str, position: int) -> None:
    """Remembers the position of the last change of a locked person."""
    await raw.execute(_OWNER_MOVE, owner_id, position)


async def records(
    raw: asyncpg.Connection, owner_id: str, keys: Sequence[RecordKey]
) -> list[SealedRecord]:
    """Those of a person's records that exist."""
    collections, ids = [key.collection for key in keys], [key.record_id for key in keys]
    rows = await raw.fetch(_RECORDS, owner_id, collections, ids)
    return [SealedRecord(RecordKey(row[0], row[1]), row[2], row[3]) for row in rows]


async def record_count(raw: asyncpg.Connection, owner_id: str) -> int:
    """How many records a person has."""
    return int(await raw.fetchval(_COUNT, owner_id))


async def put_records(
    raw: asyncpg.Connection, owner_id: str, writes: Sequence[RecordWrite], *, now: datetime
) -> None:
    """Writes records of a locked person."""
    await raw.execute(_PUT, owner_id, now, *_columns(writes))


async def known_changes(
    raw: asyncpg.Connection, owner_id: str, change_ids: Sequence[UUID]
) -> dict[UUID, KnownChange]:
    """Those of the changes that were taken before."""
    rows = await raw.fetch(_KNOWN, owner_id, change_ids)
    return {row[0]: KnownChange(*row) for row in rows}


async def add_changes(
    raw: asyncpg.Connection, owner_id: str, writes: Sequence[ChangeWrite], *, now: datetime
) -> None:
    """Keeps changes of a locked person."""
    await raw.execute(_ADD_CHANGES, owner_id, now, *_columns(writes))


async def changed_after(
    raw: asyncpg.Connection, owner_id: str, *, position: int, since: datetime, limit: int
) -> list[Pulled]:
    """A person's records changed after a position and a time, in the order of their last change."""
    rows = await raw.fetch(_PULL, owner_id, position, since, limit)
    return [Pulled(RecordKey(row[0], row[1]), *row[2:]) for row in rows]


async def drop_old(raw: asyncpg.Connection, *, before: datetime, limit: int) -> list[Deleted]:
    """Deletes changes that came before a time, and the tombstones of then; returns the changes."""
    rows = await raw.fetch(_DROP_CHANGES, before, limit)
    await raw.execute(_DROP_TOMBSTONES, before, limit)
    return [Deleted(*row) for row in rows]


def _columns(writes: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*writes, strict=True)]
