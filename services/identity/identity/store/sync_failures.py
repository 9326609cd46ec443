"""The audit of what could not be read (ID-15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

_SUMS = """
select system, entity, field, reason, count(*), count(*) filter (where resolved_at is null)
from sync_failures
where last_at >= $2 and ($1 = '' or system = $1) and ($3 or resolved_at is null)
group by 1, 2, 3, 4 order by 5 desc, 1, 2, 3, 4 limit 500
"""
_LISTED = """
select failure_id, system, entity, key_digest, field, reason, failed_at, last_at, resolved_at
from sync_failures
where last_at >= $2 and ($1 = '' or system = $1) and ($3 or resolved_at is null) and failure_id < $4
order by failure_id desc limit $5
"""
_OPEN = "select count(*) from sync_failures where system = $1 and resolved_at is null"


@dataclass(frozen=True, slots=True)
class Span:
    """Which failures are asked for: of one system or of all, since when, and whether also those read later."""

    system: str
    since: datetime
    with_resolved: bool


@dataclass(frozen=True, slots=True)
class FailureSum:
    """How many rows had one field that could not be read for one reason, and how many still do."""

    system: str
    entity: str
    field: str
    reason: str
    row_count: int
    open_count: int


@dataclass(frozen=True, slots=True)
class ListedFailure:
    """One field of one row."""

    failure_id: int
    system: str
    entity: str
    key_digest: bytes
    field: str
    reason: str
    failed_at: datetime
    last_at: datetime
    resolved_at: datetime | None


async def sums(raw: asyncpg.Connection, span: Span) -> list[FailureSum]:
    """The failures of a span by system, field and reason, the most frequent first, at most 500."""
    rows = await raw.fetch(_SUMS, span.system, span.since, span.with_resolved)
    return [FailureSum(*row) for row in rows]


async def listed(
    raw: asyncpg.Connection, span: Span, *, before: int, limit: int
) -> list[ListedFailure]:
    """The failures of a span with a smaller number than `before`, the newest first."""
    rows = await raw.fetch(_LISTED, span.system, span.since, span.with_resolved, before, limit)
    return [ListedFailure(*row) for row in rows]


async def open_count(raw: asyncpg.Connection, system: str) -> int:
    """How many fields and rows of a system still cannot be read."""
    return int(await raw.fetchval(_OPEN, system))
