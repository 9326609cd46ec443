"""Pages of exports, what was copied through them, and the breaker that they share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from permissions.domain.export_breaker import Breaker, Signals
from permissions.domain.export_budgets import Copied, Spent
from permissions.domain.exports import Page, PageOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import asyncpg
    from accesskit.facts import Entity

_COLUMNS = (
    "lease_id, export_id, subject_id, cursor, reserved_rows, charged_rows, day, acquired_at_s, expires_at_s,"
    " is_degraded, outcome, report_hash"
)
_ADD = f"""
insert into export_pages ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_BY_ID = f"select {_COLUMNS} from export_pages where lease_id = $1"
_HELD = f"select {_COLUMNS} from export_pages where export_id = $1 and outcome = 'held'"
_DUE = f"""
select {_COLUMNS} from export_pages where outcome = 'held' and expires_at_s <= $1 order by expires_at_s limit $2
"""
_SETTLE = """
update export_pages set outcome = $2, charged_rows = $3, report_hash = $4, reported_at_s = $5, response_ms = $6,
  memory_mb = $7
where lease_id = $1
"""
_KEEP = """
update export_pages set expires_at_s = $2 where lease_id = $1 and outcome = 'held' and expires_at_s > $3 returning true
"""
_SPENT = """
select coalesce(sum(charged_rows) filter (where subject_id = $2), 0)::bigint, coalesce(sum(charged_rows), 0)::bigint
from export_pages where day = $1
"""
_SIGNALS = """
select
  (select count(*) from export_pages where day = $1),
  count(*), coalesce(avg(response_ms), 0)::float8, coalesce(max(memory_mb), 0)::float8
from export_pages where reported_at_s >= $2
"""
_COPY = """
insert into export_copies (subject_id, resource_hash, owner_id, copied_at_s)
select $1, hash, owner, $4 from unnest($2::bytea[], $3::text[]) as copied (hash, owner)
on conflict (subject_id, resource_hash) do update set owner_id = excluded.owner_id, copied_at_s = excluded.copied_at_s
"""
_COPIED = """
select
  (select count(*) from export_copies where subject_id = $1 and owner_id = $1 and copied_at_s > $2)
  + (
    select coalesce(sum(charged_rows), 0) from export_pages
    where subject_id = $1 and outcome in ('held', 'lapsed') and acquired_at_s > $2
  )::bigint,
  (select count(*) from leases where owner_id = $1),
  (
    select count(distinct owner_id) from export_copies
    where subject_id = $1 and owner_id <> '' and copied_at_s > $2
  )
"""
_FORGET = """
delete from export_copies where ctid = any(array(select ctid from export_copies where copied_at_s <= $1 limit $2))
"""
_BREAKER = "select is_open, since_s, reason, canary_id from export_breaker"
_SET_BREAKER = "update export_breaker set is_open = $1, since_s = $2, reason = $3, canary_id = $4"


async def add(raw: asyncpg.Connection, page: Page) -> None:
    """Keeps a new page."""
    await raw.execute(
        _ADD,
        page.lease_id,
        page.export_id,
        page.subject_id,
        page.cursor,
        page.reserved_rows,
        page.charged_rows,
        page.day,
        page.acquired_at_s,
        page.expires_at_s,
        page.is_degraded,
        page.outcome.value,
        page.report_hash,
    )


async def get(raw: asyncpg.Connection, lease_id: str) -> Page | None:
    """The page with this id."""
    row = await raw.fetchrow(_BY_ID, lease_id)
    return _page(row) if row else None


async def held(raw: asyncpg.Connection, export_id: str) -> Page | None:
    """The page of an export that is being read; its time may be over."""
    row = await raw.fetchrow(_HELD, export_id)
    return _page(row) if row else None


async def due(raw: asyncpg.Connection, now_s: float, *, limit: int) -> list[Page]:
    """Pages whose time is over without a report."""
    return [_page(row) for row in await raw.fetch(_DUE, now_s, limit)]


async def settle(
    raw: asyncpg.Connection,
    page: Page,
    *,
    reported_at_s: float | None = None,
    response_ms: float | None = None,
    memory_mb: float | None = None,
) -> None:
    """Writes what became of a page and what counts of it; the cost only where it was reported."""
    await raw.execute(
        _SETTLE,
        page.lease_id,
        page.outcome.value,
        page.charged_rows,
        page.report_hash,
        reported_at_s,
        response_ms,
        memory_mb,
    )


async def keep(raw: asyncpg.Connection, lease_id: str, *, until_s: float, now_s: float) -> bool:
    """Moves the end of a page that is still held; False when it is not."""
    return bool(await raw.fetchval(_KEEP, lease_id, until_s, now_s))


async def spent(raw: asyncpg.Connection, subject_id: str, day: date) -> Spent:
    """Rows that count on a day."""
    return Spent(*await raw.fetchrow(_SPENT, day, subject_id))


async def signals(raw: asyncpg.Connection, day: date, *, since_s: float) -> Signals:
    """What exports cost: requests of the day, reports since a time."""
    return Signals(*await raw.fetchrow(_SIGNALS, day, since_s))


async def copy(
    raw: asyncpg.Connection, subject_id: str, owners: Mapping[Entity, str], *, now_s: float
) -> None:
    """Notes that somebody copied these resources, each with its owner (empty for none)."""
    hashes = [hashlib.sha256(str(resource).encode()).digest() for resource in owners]
    await raw.execute(_COPY, subject_id, hashes, list(owners.values()), now_s)


async def copied(raw: asyncpg.Connection, subject_id: str, *, since_s: float) -> Copied:
    """What somebody copied after a time; rows of pages that are not reported yet count as their own."""
    return Copied(*await raw.fetchrow(_COPIED, subject_id, since_s))


async def forget_copies(raw: asyncpg.Connection, until_s: float, *, limit: int) -> int:
    """Forgets what was copied until then; returns how much that was."""
    return int((await raw.execute(_FORGET, until_s, limit)).split()[-1])


async def breaker(raw: asyncpg.Connection) -> Breaker:
    """The breaker."""
    return Breaker(*await raw.fetchrow(_BREAKER))


async def set_breaker(raw: asyncpg.Connection, now: Breaker) -> None:
    """Writes how the breaker is now."""
    await raw.execute(_SET_BREAKER, now.is_open, now.since_s, now.reason, now.canary_id)


def _page(row: asyncpg.Record) -> Page:
    values = dict(row)
    values["outcome"] = PageOutcome(values["outcome"])
    return Page(**values)
