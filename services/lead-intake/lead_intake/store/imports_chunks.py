"""Chunks of imports: rows that wait for their outcome, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.domain.imports import ChunkId, Counts, ImportId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from uuid import UUID

    import asyncpg

    from lead_intake.domain.leads import AccountId

_TO_SPLIT = """
update imports set splitter = $1, split_until = now() + $2::interval where import_id = (
  select import_id from imports
  where state = 2 and not is_split and (split_until is null or split_until < now() or splitter = $1)
  order by import_id limit 1 for update skip locked
) returning import_id, (select count(*) from import_chunks as c where c.import_id = imports.import_id)
"""
_HOLD = """
update imports set split_until = now() + $3::interval, read_share = $4, is_split = $5
where import_id = $1 and splitter = $2 and state = 2 and not is_split returning import_id
"""
_DESCRIBE = """
update imports set template = $3, sealed_header = $4 where import_id = $1 and splitter = $2 and state = 2
returning import_id
"""
_WAITING = "select count(*) from import_chunks where import_id = $1 and state = 0"
_ADD = """
insert into import_chunks (chunk_id, import_id, number, row_count, state, rows, accepted_count, updated_count,
  duplicate_count, rejected_count, quarantined_count)
select chunk_id, $1, number, row_count, 0, rows, 0, 0, 0, 0, 0
from unnest($2::uuid[], $3::integer[], $4::smallint[], $5::bytea[]) as c (chunk_id, number, row_count, rows)
"""
_CLAIM = """
select chunk_id, import_id, account_id, accounts.channel, accounts.account, imports.template, sealed_header, rows
from imports join import_chunks using (import_id) join accounts using (account_id)
where imports.state = 2 and import_chunks.state = 0
order by import_id, number limit 1 for update of import_chunks skip locked
"""
_DONE = """
update import_chunks set state = 1, rows = null, refused = $2, accepted_count = $3, updated_count = $4,
  duplicate_count = $5, rejected_count = $6, quarantined_count = $7
where chunk_id = $1
"""
_COMPLETE = """
select import_id from imports
where state = 2 and is_split
  and not exists (select from import_chunks as c where c.import_id = imports.import_id and c.state = 0)
limit 1 for update skip locked
"""
_REFUSED = """
select chunk_id, number, refused from import_chunks
where import_id = $1 and number > $2 and refused is not null order by number limit 1
"""
_CLAIM_UNDO = """
select chunk_id, import_id, accepted_count + updated_count from imports join import_chunks using (import_id)
where imports.state = 6 and import_chunks.state = 1
order by import_id, number limit 1 for update of import_chunks skip locked
"""
_WITHDRAW = """
update items set state = 3, reason = 'withdrawn', external_id = null
where delivery_id = $1 and position > 0 and state in (2, 4) and repeat_count = 0
returning lead_id, facts is not null
"""
_UNDONE = "update import_chunks set state = 2, refused = null where chunk_id = $1"
_ALL_UNDONE = """
select import_id from imports
where state = 6 and not exists (select from import_chunks as c where c.import_id = imports.import_id and c.state = 1)
limit 1 for update skip locked
"""
_DROP_WAITING = "delete from import_chunks where import_id = any($1::uuid[]) and state = 0"
_FORGET = """
update import_chunks set refused = null where import_id = any($1::uuid[]) and refused is not null
"""
_KNOWN = """
select items.external_id, items.lead_id, items.state, items.delivery_id, items.position, items.facts, chunk.import_id
from unnest($2::text[]) as asked (external_id)
join items on items.account_id = $1 and items.external_id = asked.external_id
left join import_chunks as chunk on chunk.chunk_id = items.delivery_id
"""
_RESTATE = """
update items set facts = new.facts, delivery_id = new.delivery_id, position = new.position, state = 2, reason = null,
  detail = null, mapping_version = new.mapping_version
from unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::smallint[], $5::integer[])
  as new (lead_id, facts, delivery_id, position, mapping_version)
where items.lead_id = new.lead_id and items.state in (2, 4) and items.delivery_id < new.delivery_id
returning items.lead_id
"""


@dataclass(frozen=True, slots=True)
class NewChunk:
    """Rows, sealed, that wait."""

    chunk_id: ChunkId
    number: int
    row_count: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class WaitingChunk:
    """A chunk that this transaction holds."""

    chunk_id: ChunkId
    import_id: ImportId
    account_id: AccountId
    channel: str
    account: str
    template: str
    sealed_header: bytes
    rows: bytes


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item that has a row's key. `import_id` is of the import that stated it last; None for a delivery."""

    lead_id: UUID
    state: int
    delivery_id: UUID
    position: int
    facts: bytes | None
    import_id: UUID | None


@dataclass(frozen=True, slots=True)
class Restatement:
    """What a known item says from now on."""

    lead_id: UUID
    facts: bytes
    delivery_id: UUID
    position: int
    mapping_version: int


async def import_to_split(
    raw: asyncpg.Connection, splitter: UUID, *, hold: timedelta
) -> tuple[ImportId, int] | None:
    """An import that nobody splits, now held by `splitter`, and how many chunks it has."""
    row = await raw.fetchrow(_TO_SPLIT, splitter, hold)
    return None if row is None else (ImportId(row[0]), row[1])


async def still_held(
    raw: asyncpg.Connection,
    held: tuple[ImportId, UUID],
    *,
    hold: timedelta,
    read_share: float,
    is_split: bool,
) -> bool:
    """Holds the import on and notes how much of the file was read; False when it is another's now, or has stopped."""
    return await raw.fetchval(_HOLD, *held, hold, read_share, is_split) is not None


async def describe(
    raw: asyncpg.Connection, held: tuple[ImportId, UUID], *, template: str, sealed_header: bytes
) -> bool:
    """Notes what the columns are; False when the import is another's now, or has stopped."""
    return await raw.fetchval(_DESCRIBE, *held, template, sealed_header) is not None


async def waiting_count(raw: asyncpg.Connection, import_id: ImportId) -> int:
    """How many chunks of an import wait."""
    return int(await raw.fetchval(_WAITING, import_id))


async def add(raw: asyncpg.Connection, import_id: ImportId, chunks: Sequence[NewChunk]) -> None:
    """Adds chunks."""
    await raw.execute(
        _ADD,
        import_id,
        [each.chunk_id for each in chunks],
        [each.number for each in chunks],
        [each.row_count for each in chunks],
        [each.rows for each in chunks],
    )


async def claim(raw: asyncpg.Connection) -> WaitingChunk | None:
    """The first chunk that waits and that nobody else holds, for this transaction."""
    row = await raw.fetchrow(_CLAIM)
    return None if row is None else WaitingChunk(*row)


async def done(
    raw: asyncpg.Connection, chunk_id: ChunkId, counts: Counts, *, refused: bytes | None
) -> None:
    """Notes what became of a chunk's rows, and forgets them."""
    each = (counts.accepted, counts.updated, counts.duplicate, counts.rejected, counts.quarantined)
    await raw.execute(_DONE, chunk_id, refused, *each)


async def complete_import(raw: asyncpg.Connection) -> ImportId | None:
    """A running import of which every row has its outcome, held by this transaction."""
    found: ImportId | None = await raw.fetchval(_COMPLETE)
    return found


async def next_refused(
    raw: asyncpg.Connection, import_id: ImportId, *, after: int
) -> tuple[ChunkId, int, bytes] | None:
    """The next chunk after number `after` in which rows were refused: its id, its number, the sealed rows."""
    row = await raw.fetchrow(_REFUSED, import_id, after)
    return None if row is None else (ChunkId(row[0]), row[1], row[2])


async def known(
    raw: asyncpg.Connection, account_id: AccountId, keys: Sequence[str]
) -> dict[str, KnownItem]:
    """The items that have these keys, by key."""
    rows = await raw.fetch(_KNOWN, account_id, list(keys))
    return {row[0]: KnownItem(*row[1:]) for row in rows}


async def restate(raw: asyncpg.Connection, stated: Sequence[Restatement]) -> set[UUID]:
    """Lets known items say something else; the ids of those that do now."""
    rows = await raw.fetch(
        _RESTATE,
        [each.lead_id for each in stated],
        [each.facts for each in stated],
        [each.delivery_id for each in stated],
        [each.position for each in stated],
        [each.mapping_version for each in stated],
    )
    return {row[0] for row in rows}


async def claim_undo(raw: asyncpg.Connection) -> tuple[ChunkId, ImportId, int] | None:
    """A chunk to undo, held by this transaction: its id, its import, and how many rows made or changed leads."""
    row = await raw.fetchrow(_CLAIM_UNDO)
    return None if row is None else (ChunkId(row[0]), ImportId(row[1]), row[2])


async def withdraw(raw: asyncpg.Connection, chunk_id: ChunkId) -> list[tuple[UUID, bool]]:
    """Withdraws the items that a chunk made and nobody stated since: their ids, and whether each was a lead."""
    found = [(row[0], row[1]) for row in await raw.fetch(_WITHDRAW, chunk_id)]
    await raw.execute(_UNDONE, chunk_id)
    return found


async def undone_import(raw: asyncpg.Connection) -> ImportId | None:
    """An import of which nothing is left to undo, held by this transaction."""
    found: ImportId | None = await raw.fetchval(_ALL_UNDONE)
    return found


async def drop_waiting(raw: asyncpg.Connection, import_ids: Sequence[UUID]) -> None:
    """Removes rows that never had an outcome."""
    await raw.execute(_DROP_WAITING, list(import_ids))


async def forget_refused(raw: asyncpg.Connection, import_ids: Sequence[UUID]) -> None:
    """Forgets what refused rows held."""
    await raw.execute(_FORGET, list(import_ids))
