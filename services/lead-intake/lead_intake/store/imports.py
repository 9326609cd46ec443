"""Imports: their rows, and what is counted over their chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.domain.imports import Counts, Import, ImportId, ImportState
from lead_intake.domain.subjects import RequestKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from lead_intake.domain.leads import AccountId

_COLUMNS = """import_id, account_id, accounts.channel, accounts.account, state, imports.template, size_bytes,
  part_count, created_by, created_at, started_at, finished_at, is_split, read_share, problem, withdrawn_count,
  kept_count"""
_FROM = "from imports join accounts using (account_id)"
_GET = f"select {_COLUMNS} {_FROM} where import_id = $1"
_LOCK = f"select {_COLUMNS} {_FROM} where import_id = $1 for update of imports"
_LIST = f"select {_COLUMNS} {_FROM} where import_id < $1 order by import_id desc limit $2"
_BEGIN = """
insert into imports (import_id, account_id, file_key, sealed_name, size_bytes, part_count, state, template, created_by,
  created_at, is_split, read_share, problem, undone_by, withdrawn_count, kept_count, expired)
values ($1, $2, $3, $4, $5, 0, 0, '', $6, $7, false, 0, '', '', 0, 0, false)
on conflict do nothing
"""
_SAME = "select import_id from imports where account_id = $1 and file_key = $2 and state <= 4"
_SPOOLED = """
select coalesce(sum(size_bytes), 0)::bigint from imports
where state <= 2 or (state = 4 and exists (select from import_parts as p where p.import_id = imports.import_id))
"""
_UNDER_WAY = "select exists(select from imports where state in (2, 6))"
_ACCOUNT = "select account_id from accounts where channel = $1 and account = $2"
_SEALED = "select import_id, file_key, sealed_name, sealed_header from imports where import_id = any($1::uuid[])"
_RESET = "update imports set part_count = 0 where import_id = $1 and state = 0"
_SET_STATE = """
update imports set state = $2::smallint, problem = $3, finished_at = case
    when $2::smallint in (3, 4, 5, 7) then coalesce($4, finished_at)
    when $2::smallint = 2 then null else finished_at end,
  started_at = case when $2::smallint = 2 then coalesce(started_at, $4) else started_at end
where import_id = $1
"""
_START = (
    "update imports set template = $2, splitter = null, split_until = null where import_id = $1"
)
_UNDO = "update imports set undone_by = $2 where import_id = $1"
_WITHDREW = """
update imports set withdrawn_count = withdrawn_count + $2, kept_count = kept_count + $3 where import_id = $1
returning undone_by, withdrawn_count, kept_count
"""
_COUNTS = """
select import_id, coalesce(sum(row_count), 0)::integer,
  coalesce(sum(row_count) filter (where state > 0), 0)::integer, coalesce(sum(accepted_count), 0)::integer,
  coalesce(sum(updated_count), 0)::integer, coalesce(sum(duplicate_count), 0)::integer,
  coalesce(sum(rejected_count), 0)::integer, coalesce(sum(quarantined_count), 0)::integer
from import_chunks where import_id = any($1::uuid[]) group by import_id
"""
_EXPIRE = """
update imports set expired = true,
  state = case when state in (0, 1, 4) then 5 else state end,
  problem = case when state in (0, 1, 4) then 'expired' else problem end
"""
# An import that was under way when a person of it was forgotten is found here as soon as it has ended. A request may be
# answered somewhat after its import has grown old.
_EXPIRED = f"""
{_EXPIRE} where import_id in (
  select import_id from imports
  where not expired and state not in (2, 6) and (created_at < $1 or import_id in (
    select chunk.import_id from subject_requests as asked
    join items on items.lead_id = any(asked.lead_ids)
    join import_chunks as chunk on chunk.chunk_id = items.delivery_id
    where asked.kind = {RequestKind.ERASURE:d} and asked.requested_at > $1 - interval '1 day'
  ))
  order by import_id limit $2 for update skip locked
) returning import_id
"""
_EXPIRE_THESE = f"""
{_EXPIRE} where import_id = any($1::uuid[]) and not expired and state <> 2 returning import_id, created_at
"""


NOTHING = Counts()


@dataclass(frozen=True, slots=True)
class Sealed:
    """What of an import is sealed, and the key of its file."""

    file_key: bytes
    name: bytes
    header: bytes | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows read, rows with an outcome, and the outcomes."""

    read: int = 0
    done: int = 0
    counts: Counts = NOTHING


async def account_id(raw: asyncpg.Connection, channel: str, account: str) -> AccountId | None:
    """The account's id; None when there is none."""
    found: AccountId | None = await raw.fetchval(_ACCOUNT, channel, account)
    return found


async def begin(
    raw: asyncpg.Connection, one: Import, *, file_key: bytes, sealed_name: bytes
) -> ImportId:
    """Adds an import, unless the same file is there for the account; the id it has."""
    values = (one.size_bytes, one.created_by, one.created_at)
    await raw.execute(_BEGIN, one.import_id, one.account_id, file_key, sealed_name, *values)
    return ImportId(await raw.fetchval(_SAME, one.account_id, file_key))


async def same_file(
    raw: asyncpg.Connection, account_id: AccountId, file_key: bytes
) -> ImportId | None:
    """The import of the same file for the account; None when there is none."""
    found: ImportId | None = await raw.fetchval(_SAME, account_id, file_key)
    return found


async def under_way(raw: asyncpg.Connection) -> bool:
    """Whether any import is running or being undone."""
    return bool(await raw.fetchval(_UNDER_WAY))


async def spooled_bytes(raw: asyncpg.Connection) -> int:
    """The size of all files that are kept or announced."""
    return int(await raw.fetchval(_SPOOLED))


async def get(raw: asyncpg.Connection, import_id: ImportId) -> Import | None:
    """One import."""
    return _import(await raw.fetchrow(_GET, import_id))


async def locked(raw: asyncpg.Connection, import_id: ImportId) -> Import | None:
    """One import, which nobody else changes until this transaction ends."""
    return _import(await raw.fetchrow(_LOCK, import_id))


async def latest(raw: asyncpg.Connection, *, before: UUID, limit: int) -> list[Import]:
    """The latest imports before one, newest first."""
    found = (_import(row) for row in await raw.fetch(_LIST, before, limit))
    return [each for each in found if each is not None]


async def sealed(raw: asyncpg.Connection, import_ids: Sequence[UUID]) -> dict[UUID, Sealed]:
    """What is sealed of imports, by id."""
    return {row[0]: Sealed(*row[1:]) for row in await raw.fetch(_SEALED, list(import_ids))}


async def tallies(raw: asyncpg.Connection, import_ids: Sequence[UUID]) -> dict[UUID, Tally]:
    """What became of the rows, by import; one without chunks is left out."""
    rows = await raw.fetch(_COUNTS, list(import_ids))
    return {row[0]: Tally(row[1], row[2], Counts(*row[3:])) for row in rows}


async def upload_again(raw: asyncpg.Connection, import_id: ImportId) -> None:
    """Lets the upload begin anew."""
    await raw.execute(_RESET, import_id)


async def set_state(
    raw: asyncpg.Connection,
    import_id: ImportId,
    state: ImportState,
    *,
    now: datetime | None = None,
    problem: str = "",
) -> None:
    """Moves an import on; `now` is noted where the state begins or ends it."""
    await raw.execute(_SET_STATE, import_id, int(state), problem[:200], now)


async def choose_template(raw: asyncpg.Connection, import_id: ImportId, template: str) -> None:
    """Notes by which template the columns are read, and lets anybody split the file."""
    await raw.execute(_START, import_id, template)


async def note_undoer(raw: asyncpg.Connection, import_id: ImportId, subject: str) -> None:
    """Notes who undoes an import."""
    await raw.execute(_UNDO, import_id, subject)


async def add_withdrawn(
    raw: asyncpg.Connection, import_id: ImportId, *, withdrawn: int, kept: int
) -> tuple[str, int, int]:
    """Adds to what an undo did; who undoes it, and how much was withdrawn and kept so far."""
    row = await raw.fetchrow(_WITHDREW, import_id, withdrawn, kept)
    return row[0], row[1], row[2]


async def expire(raw: asyncpg.Connection, *, before: datetime, limit: int) -> list[UUID]:
    """Ends imports announced before a time, or of people who were forgotten; the ids of those whose content can go.

    Those under way go on.
    """
    return [row[0] for row in await raw.fetch(_EXPIRED, before, limit)]


async def expire_these(
    raw: asyncpg.Connection, import_ids: Sequence[UUID]
) -> list[tuple[ImportId, datetime]]:
    """Ends those of these imports that are not under way; whose content can go, and when each was announced."""
    rows = await raw.fetch(_EXPIRE_THESE, list(import_ids))
    return [(ImportId(row[0]), row[1]) for row in rows]


def _import(row: asyncpg.Record | None) -> Import | None:
    if row is None:
        return None
    values = dict(row)
    return Import(**{**values, "state": ImportState(values["state"])})
