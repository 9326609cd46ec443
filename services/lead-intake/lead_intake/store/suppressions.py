"""The suppression list. Every change locks the one row that counts revisions, which so are in the order of commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lead_intake.domain.subjects import PointKind
from lead_intake.domain.suppressions import Purpose, Suppression

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from lead_intake.domain.suppressions import NewSuppression

QUERY_TIMEOUT_S = 5.0

_COLUMNS = """index, kind, purpose, reason, suppressed_by, suppressed_at, request_id, lifted_at, lifted_by, revision"""
_LOCK = "select revision from suppression_revision for update"
_COUNT = "update suppression_revision set revision = $1"
_PUT = """
insert into suppressions as s (index, kind, purpose, reason, suppressed_by, suppressed_at, request_id, revision)
select t.index, t.kind, $3, $4, $5, $6, $7, $8 + t.number
from unnest($1::bytea[], $2::smallint[]) with ordinality as t (index, kind, number)
on conflict (index, purpose) do update
set reason = excluded.reason, suppressed_by = excluded.suppressed_by, suppressed_at = excluded.suppressed_at,
    request_id = excluded.request_id, revision = excluded.revision, lifted_at = null, lifted_by = null
where s.lifted_at is not null
returning revision
"""
_LIFT = """
update suppressions s set lifted_at = $3, lifted_by = $4, reason = $5, revision = $6 + t.number
from unnest($1::bytea[]) with ordinality as t (index, number)
where s.index = t.index and s.purpose = $2 and s.lifted_at is null
returning s.revision
"""
_REVISION = "select revision from suppression_revision"
_SINCE = f"select {_COLUMNS} from suppressions where revision > $1 order by revision limit $2"
_PAGE = f"select {_COLUMNS} from suppressions where revision < $1 order by revision desc limit $2"


async def put(raw: asyncpg.Connection, new: NewSuppression, *, now: datetime) -> int:
    """Puts people on the list; returns how many entries were not on it. Entries that hold stay as they are."""
    points = sorted(set(new.points))
    base = int(await raw.fetchval(_LOCK))
    rows = await raw.fetch(
        _PUT,
        [point.digest for point in points],
        [point.kind for point in points],
        new.purpose,
        new.reason,
        new.suppressed_by,
        now,
        new.request_id,
        base,
    )
    await raw.execute(_COUNT, base + len(points))
    return len(rows)


async def lift(raw: asyncpg.Connection, gone: NewSuppression, *, now: datetime) -> int:
    """Takes people off the list for a purpose; returns how many entries held."""
    digests = sorted({point.digest for point in gone.points})
    base = int(await raw.fetchval(_LOCK))
    rows = await raw.fetch(_LIFT, digests, gone.purpose, now, gone.suppressed_by, gone.reason, base)
    await raw.execute(_COUNT, base + len(digests))
    return len(rows)


async def revision(raw: asyncpg.Connection) -> int:
    """A number that is larger after any change of the list."""
    return int(await raw.fetchval(_REVISION, timeout=QUERY_TIMEOUT_S))


async def changed_since(raw: asyncpg.Connection, since: int, *, limit: int) -> list[Suppression]:
    """Entries changed after a revision, oldest change first, those that were lifted too."""
    return [_entry(row) for row in await raw.fetch(_SINCE, since, limit, timeout=QUERY_TIMEOUT_S)]


async def page(raw: asyncpg.Connection, *, before: int, limit: int) -> list[Suppression]:
    """Entries changed before a revision, newest change first."""
    return [_entry(row) for row in await raw.fetch(_PAGE, before, limit)]


def _entry(row: Any) -> Suppression:
    return Suppression(row[0], PointKind(row[1]), Purpose(row[2]), *row[3:])
