"""Recordings that wait to be written down, and those that nobody tries any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from engagement.domain.recordings import (
    GIVEN_UP_AFTER,
    Leased,
    Recording,
    RecordingState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from engagement.domain.recordings import Later
    from engagement.seals import Seals

LISTED_MAX = 500
WAITING_MAX = 100_000
"""More recordings than these are not queued, and said so."""
LEASE = timedelta(seconds=120)
"""Longer than a call takes: whoever dies meanwhile leaves a recording to others after it."""

_ADD = """
insert into recordings (contact_id, sealed_url, state, queued_at, due_at, given_up_at, attempt_count, reason, failed_at)
select $1::uuid, $2::bytea, $3::int2, $4::timestamptz, $4, $5::timestamptz, 0, $6::text,
  case when $6 <> '' then $4 end
where not exists (select from transcripts where contact_id = $1)
on conflict (contact_id) do nothing returning contact_id
"""
_WAITING = f"""
select count(*) from (select from recordings where state = {RecordingState.WAITING:d} limit {WAITING_MAX}) w
"""
_LEASE = f"""
update recordings r set due_at = $2, attempt_count = attempt_count + 1
from contacts c
where c.contact_id = r.contact_id and r.contact_id in (
  select contact_id from recordings where state = {RecordingState.WAITING:d} and due_at <= $1
  order by due_at limit $3 for update skip locked
)
returning r.contact_id, r.sealed_url, c.golden_id, c.happened_at, r.attempt_count, r.given_up_at
"""
# Whoever comes back after the lease ended has nothing to say any more.
_HELD = f"where contact_id = $1 and state = {RecordingState.WAITING:d} and attempt_count = $2"
_HEARD = f"""
update recordings set state = {RecordingState.HEARD:d}, sealed_url = '', reason = '' {_HELD} returning 1
"""
_TOLD = f"""
update recordings set state = {RecordingState.HEARD:d}, sealed_url = '', reason = '', failed_at = null
where contact_id = any($1::uuid[]) and state <> {RecordingState.HEARD:d}
"""
_LATER = f"update recordings set due_at = $3, attempt_count = $4, reason = $5 {_HELD}"
_FAIL = f"""
update recordings set state = {RecordingState.FAILED:d}, reason = $3, failed_at = $4 {_HELD} returning 1
"""
_LIST = f"""
select contact_id, reason, attempt_count, queued_at, failed_at from recordings
where state = {RecordingState.FAILED:d} order by failed_at desc, contact_id limit {LISTED_MAX}
"""
_RETRY = f"""
update recordings set state = {RecordingState.WAITING:d}, due_at = $2, given_up_at = $3, attempt_count = 0,
  reason = '', failed_at = null
where state = {RecordingState.FAILED:d} and (cardinality($1::uuid[]) = 0 or contact_id = any($1))
returning contact_id, sealed_url
"""
_REFUSE = f"""
update recordings set state = {RecordingState.FAILED:d}, reason = $2, failed_at = $3 where contact_id = any($1::uuid[])
"""


class FailedRecording(NamedTuple):
    """A recording that nobody tries any more."""

    contact_id: UUID
    reason: str
    attempt_count: int
    queued_at: datetime
    failed_at: datetime


async def waiting_count(raw: asyncpg.Connection) -> int:
    """How many recordings wait, at most `WAITING_MAX`."""
    count: int = await raw.fetchval(_WAITING)
    return count


async def add(
    raw: asyncpg.Connection, recording: Recording, seals: Seals, *, now: datetime, fault: str
) -> bool:
    """Queues a recording, or keeps it as failed for a `fault`; False when it was told of, or written down, before."""
    sealed = seals.seal_recording(recording.contact_id, recording.url)
    state = RecordingState.FAILED if fault else RecordingState.WAITING
    until = now + GIVEN_UP_AFTER
    added = await raw.fetchval(_ADD, recording.contact_id, sealed, state, now, until, fault)
    return added is not None


async def lease(
    raw: asyncpg.Connection, seals: Seals, *, now: datetime, limit: int
) -> list[Leased]:
    """Recordings that are due, which nobody else takes before the lease ends."""
    rows = await raw.fetch(_LEASE, now, now + LEASE, limit)
    return [_leased(row, seals) for row in rows]


async def heard(raw: asyncpg.Connection, leased: Leased) -> bool:
    """Forgets where a recording can be heard; False when it is not the caller's any more."""
    return bool(await raw.fetchval(_HEARD, leased.recording.contact_id, leased.attempt_count))


async def told(raw: asyncpg.Connection, contact_ids: Sequence[UUID]) -> None:
    """Drops recordings of contacts of which somebody has told what was said."""
    await raw.execute(_TOLD, contact_ids)


async def later(raw: asyncpg.Connection, leased: Leased, step: Later) -> None:
    """Tries a recording again, if it is still the caller's."""
    contact_id, held = leased.recording.contact_id, leased.attempt_count
    await raw.execute(_LATER, contact_id, held, step.due_at, step.attempt_count, step.reason)


async def fail(raw: asyncpg.Connection, leased: Leased, reason: str, *, now: datetime) -> bool:
    """Gives a recording up; False when it is not the caller's any more."""
    contact_id = leased.recording.contact_id
    return bool(await raw.fetchval(_FAIL, contact_id, leased.attempt_count, reason, now))


async def failed(raw: asyncpg.Connection) -> list[FailedRecording]:
    """Recordings that nobody tries any more, newest first."""
    return [FailedRecording(*row) for row in await raw.fetch(_LIST)]


async def retry(
    raw: asyncpg.Connection, contact_ids: Sequence[UUID], seals: Seals, *, now: datetime
) -> list[Recording]:
    """Queues failed recordings anew, all of them when none is named; returns them."""
    rows = await raw.fetch(_RETRY, contact_ids, now, now + GIVEN_UP_AFTER)
    return [_recording(row, seals) for row in rows]


async def refuse(
    raw: asyncpg.Connection, contact_ids: Sequence[UUID], reason: str, *, now: datetime
) -> None:
    """Fails recordings whatever they wait for."""
    await raw.execute(_REFUSE, contact_ids, reason, now)


def _leased(row: asyncpg.Record, seals: Seals) -> Leased:
    return Leased(
        _recording(row, seals),
        row["golden_id"],
        row["happened_at"],
        row["attempt_count"],
        row["given_up_at"],
    )


def _recording(row: asyncpg.Record, seals: Seals) -> Recording:
    contact_id = row["contact_id"]
    return Recording(contact_id, seals.open_recording(contact_id, row["sealed_url"]))
