"""Backfills, how far they are, and the rows they refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from identity.domain.backfills import Backfill, Counts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_COLUMNS = """
backfill_id, system, name, total_count, done_count, refused_count, new_count, joined_count, unchanged_count, opened_at,
opened_by, done_at, closed_at
"""
_OPEN = f"""
insert into backfills (backfill_id, system, name, total_count, opened_at, opened_by) values ($1, $2, $3, $4, $5, $6)
on conflict (system, name) do update set total_count = greatest(backfills.total_count, excluded.total_count)
returning {_COLUMNS}
"""
_GET = f"select {_COLUMNS} from backfills where backfill_id = $1"
_LIST = f"""
select {_COLUMNS} from backfills where $1::uuid is null or backfill_id < $1 order by backfill_id desc limit $2
"""
_ADVANCE = f"""
update backfills set done_count = done_count + $2, refused_count = refused_count + $3, new_count = new_count + $4,
  joined_count = joined_count + $5, unchanged_count = unchanged_count + $6, done_at = $7
where backfill_id = $1 returning {_COLUMNS}
"""
_CLOSE = f"update backfills set closed_at = coalesce(closed_at, $2) where backfill_id = $1 returning {_COLUMNS}"
_REFUSE = """
insert into refused_rows (backfill_id, row_no, reason)
select $1, * from unnest($2::bigint[], $3::text[])
where (select count(*) from refused_rows where backfill_id = $1) < $4
"""
_REFUSED = """
select row_no, reason from refused_rows where backfill_id = $1 and row_no > $2 order by row_no limit $3
"""


async def open_backfill(raw: asyncpg.Connection, wanted: Backfill) -> Backfill:
    """Adds a backfill, or finds the one of the same system and name."""
    row = await raw.fetchrow(
        _OPEN,
        wanted.backfill_id,
        wanted.system,
        wanted.name,
        wanted.total_count,
        wanted.opened_at,
        wanted.opened_by,
    )
    return _backfill(row)


async def get(
    raw: asyncpg.Connection, backfill_id: UUID, *, is_locked: bool = False
) -> Backfill | None:
    """A backfill; when locked, nobody else goes on with it until the transaction ends."""
    row = await raw.fetchrow(f"{_GET} for update" if is_locked else _GET, backfill_id)
    return None if row is None else _backfill(row)


async def newest(raw: asyncpg.Connection, *, before: UUID | None, count: int) -> list[Backfill]:
    """Backfills, the latest first, from behind `before`."""
    return [_backfill(row) for row in await raw.fetch(_LIST, before, count)]


async def advance(
    raw: asyncpg.Connection, backfill_id: UUID, counts: Counts, *, at: datetime
) -> Backfill:
    """Adds to what is done."""
    row = await raw.fetchrow(
        _ADVANCE,
        backfill_id,
        counts.done,
        counts.refused,
        counts.new,
        counts.joined,
        counts.unchanged,
        at,
    )
    return _backfill(row)


async def close(raw: asyncpg.Connection, backfill_id: UUID, *, at: datetime) -> Backfill:
    """Closes a locked backfill."""
    return _backfill(await raw.fetchrow(_CLOSE, backfill_id, at))


async def refuse(
    raw: asyncpg.Connection, backfill_id: UUID, reasons: Mapping[int, str], *, kept_max: int
) -> None:
    """Keeps why rows were refused, unless so many are kept already."""
    await raw.execute(_REFUSE, backfill_id, list(reasons), list(reasons.values()), kept_max)


async def refused(
    raw: asyncpg.Connection, backfill_id: UUID, *, after: int, count: int
) -> list[tuple[int, str]]:
    """Refused rows and why, by row, from behind `after`."""
    rows = await raw.fetch(_REFUSED, backfill_id, after, count)
    return [(row["row_no"], row["reason"]) for row in rows]


def _backfill(row: Any) -> Backfill:
    return Backfill(
        row["backfill_id"],
        row["system"],
        row["name"],
        row["total_count"],
        Counts(
            row["done_count"],
            row["refused_count"],
            row["new_count"],
            row["joined_count"],
            row["unchanged_count"],
        ),
        row["opened_at"],
        row["opened_by"],
        row["done_at"],
        row["closed_at"],
    )
