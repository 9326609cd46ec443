"""Messages that failed: those that will be tried again, and those that were given up and wait for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

RUNNING = "running:"


@dataclass(frozen=True, slots=True)
class Failure:
    """How often a message has failed so far."""

    attempt_count: int
    first_failed_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up. `error` has personal data masked."""

    consumer: str
    event_id: str
    event_type: str
    payload: bytes
    error: str
    attempt_count: int
    first_failed_at: datetime
    quarantined_at: datetime
    traceparent: str | None


_FAIL = """
insert into delivery_failures as f (consumer, event_id, attempt_count, first_failed_at, error)
values ($1, $2, 1, $3, $4)
on conflict (consumer, event_id) do update set attempt_count = f.attempt_count + 1, error = excluded.error
returning attempt_count, first_failed_at
"""
_BEGIN = """
insert into delivery_failures as f (consumer, event_id, attempt_count, first_failed_at, error)
values ($1, $2, 1, $3, 'the try has not ended')
on conflict (consumer, event_id) do update set attempt_count = f.attempt_count + 1
returning attempt_count
"""
_FORGET = "delete from delivery_failures where consumer = $1 and event_id = any($2::text[])"
_BURY = """
insert into dead_letters values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (consumer, event_id) do update
set error = excluded.error, attempt_count = excluded.attempt_count, quarantined_at = excluded.quarantined_at
"""
_LIST = """
select consumer, event_id, event_type, payload, error, attempt_count, first_failed_at, quarantined_at, traceparent
from dead_letters where ($1 = '' or consumer = $1) and (cardinality($2::text[]) = 0 or event_id = any($2))
order by quarantined_at desc limit $3
"""
_DISCARD = "delete from dead_letters where consumer = $1 and event_id = $2"


async def record_failure(
    raw: asyncpg.Connection, consumer: str, event_id: str, *, error: str, now: datetime
) -> Failure:
    """Counts one more failed try of a message."""
    row = await raw.fetchrow(_FAIL, consumer, event_id, now, error)
    return Failure(row[0], row[1])


async def begin_try(raw: asyncpg.Connection, consumer: str, event_id: str, *, now: datetime) -> int:
    """Writes down that a try begins; returns how many began since the last that ended, this one included.

    Committed before the try, it is what remains of a message that kills its process.
    """
    return int(await raw.fetchval(_BEGIN, _running(consumer), event_id, now))


async def end_tries(raw: asyncpg.Connection, consumer: str, event_ids: Sequence[str]) -> None:
    """Forgets that tries began."""
    await raw.execute(_FORGET, _running(consumer), event_ids)


async def forget_failures(raw: asyncpg.Connection, consumer: str, event_ids: Sequence[str]) -> None:
    """Forgets the failures of messages that were handled or given up, and that tries of them began."""
    await raw.execute(_FORGET, consumer, event_ids)
    await end_tries(raw, consumer, event_ids)


async def bury(raw: asyncpg.Connection, letter: DeadLetter) -> None:
    """Keeps a message that was given up; burying it again renews the error."""
    await raw.execute(
        _BURY,
        letter.consumer,
        letter.event_id,
        letter.event_type,
        letter.payload,
        letter.error,
        letter.attempt_count,
        letter.first_failed_at,
        letter.quarantined_at,
        letter.traceparent,
    )


async def list_letters(
    raw: asyncpg.Connection, *, consumer: str = "", event_ids: Sequence[str] = (), limit: int = 100
) -> list[DeadLetter]:
    """Dead letters, newest first; of one consumer, or of these events, where given."""
    rows = await raw.fetch(_LIST, consumer, event_ids, limit)
    return [DeadLetter(*row) for row in rows]


async def discard(raw: asyncpg.Connection, consumer: str, event_id: str) -> None:
    """Removes a letter, in the transaction that handled it or because somebody decided so."""
    await raw.execute(_DISCARD, consumer, event_id)


async def counts(raw: asyncpg.Connection) -> tuple[int, int]:
    """How many letters are kept, and how many messages will be tried again."""
    row = await raw.fetchrow(
        "select (select count(*) from dead_letters),"
        " (select count(*) from delivery_failures where not starts_with(consumer, $1))",
        RUNNING,
    )
    return row[0], row[1]


def _running(consumer: str) -> str:
    """The name under which tries that have begun are counted, apart from those that failed."""
    return RUNNING + consumer
