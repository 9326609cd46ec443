"""How people are named in leads, the requests about them, and the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lead_intake.domain.subjects import (
    ASKED_SERVICES,
    OWN,
    Answered,
    Point,
    PointKind,
    RequestId,
    RequestKind,
    RequestState,
    SubjectRequest,
)
from lead_intake.store.items import written_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from lead_intake.domain.subjects import Answer, NewRequest

_ADD_POINTS = """
insert into contact_points (lead_id, kind, index, received_at)
select * from unnest($1::uuid[], $2::text::smallint[], $3::bytea[], $4::timestamptz[]) on conflict do nothing
"""
_POINTS_OF_LEAD = "select kind, index from contact_points where lead_id = $1 and kind > 0"
_LEADS_NAMED = """
select lead_id from contact_points where kind > 0 and index = any($1::bytea[])
union select lead_id from items where lead_id = $2
order by lead_id limit $3
"""
_HAS_LEAD = "select exists (select from items where lead_id = $1)"
_ADD = """
insert into subject_requests (request_id, kind, state, subject_indexes, named_lead_id, lead_ids, requested_by, reason,
                              requested_at, due_at)
values ($1, $2, 1, $3, $4, '{}', $5, $6, $7, $8) on conflict do nothing returning request_id
"""
_COLUMNS = """
  request_id, kind, state, subject_indexes, named_lead_id, lead_ids, requested_by, reason, requested_at, due_at,
  completed_at, overdue_at is not null, sealed_result is not null
"""
_GET = f"select {_COLUMNS} from subject_requests where request_id = $1"
_LOCK = f"{_GET} for update"
_NEWEST = (
    f"select {_COLUMNS} from subject_requests order by requested_at desc, request_id desc limit $1"
)
_LOCK_RECEIVED = f"""
select {_COLUMNS} from subject_requests where state = 1 and requested_at < $1
order by requested_at limit 1 for update skip locked
"""
_ASKED = "update subject_requests set state = 2, lead_ids = $2 where request_id = $1"
_COMPLETED = """
update subject_requests set state = 3, completed_at = $2, sealed_result = $3 where request_id = $1
"""
_OVERDUE = f"""
update subject_requests set overdue_at = $1 where request_id in (
  select request_id from subject_requests where state < 3 and due_at < $1 and overdue_at is null
  order by due_at limit $2 for update skip locked
) returning {_COLUMNS}
"""
_ANSWER = """
insert into subject_answers (request_id, service, part, part_count, record_count, holds, sealed_records, answered_at)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning request_id
"""
_ANSWERED = """
select service, count(*) = max(part_count), sum(record_count)::int, max(answered_at),
       (select array_agg(distinct hold order by hold)
        from subject_answers each, unnest(each.holds) as hold
        where each.request_id = $1 and each.service = answers.service)
from subject_answers answers where request_id = $1 group by service
"""
_PARTS = """
select service, sealed_records from subject_answers
where request_id = $1 and sealed_records is not null order by service, part
"""
_FORGET_PARTS = "update subject_answers set sealed_records = null where request_id = $1"
_TAKE_RESULT = """
with taken as (
  select request_id, sealed_result from subject_requests
  where request_id = $1 and requested_by = $2 and sealed_result is not null and completed_at > $3 for update
)
update subject_requests set sealed_result = null, downloaded_at = $4
from taken where subject_requests.request_id = taken.request_id
returning taken.sealed_result
"""


async def add_points(
    raw: asyncpg.Connection, named: Sequence[tuple[UUID, Point, datetime]]
) -> None:
    """Writes down how leads name their people; repeated rows are no matter."""
    await raw.execute(
        _ADD_POINTS,
        [lead_id for lead_id, _, _ in named],
        written_array(point.kind for _, point, _ in named),
        [point.digest for _, point, _ in named],
        [received_at for _, _, received_at in named],
    )


async def points_of_lead(raw: asyncpg.Connection, lead_id: UUID) -> list[Point]:
    """How a lead names its person; none when its contact is gone or was never complete."""
    return [Point(PointKind(row[0]), row[1]) for row in await raw.fetch(_POINTS_OF_LEAD, lead_id)]


async def has_lead(raw: asyncpg.Connection, lead_id: UUID) -> bool:
    """Whether there is an item with this id."""
    return bool(await raw.fetchval(_HAS_LEAD, lead_id))


async def leads_named(
    raw: asyncpg.Connection, digests: Sequence[bytes], *, named_lead_id: UUID | None, limit: int
) -> list[UUID]:
    """The leads with one of these contact points, and the one that was named; the oldest first."""
    return [row[0] for row in await raw.fetch(_LEADS_NAMED, digests, named_lead_id, limit)]


async def add_request(
    raw: asyncpg.Connection, new: NewRequest, *, now: datetime, due_at: datetime
) -> bool:
    """Writes a request down; False when one with its id is there."""
    return bool(
        await raw.fetchval(
            _ADD,
            new.request_id,
            new.kind,
            [point.digest for point in new.points],
            new.named_lead_id,
            new.requested_by,
            new.reason,
            now,
            due_at,
        )
    )


async def request(raw: asyncpg.Connection, request_id: RequestId) -> SubjectRequest | None:
    """One request."""
    row = await raw.fetchrow(_GET, request_id)
    return None if row is None else _request(row)


async def lock_request(raw: asyncpg.Connection, request_id: RequestId) -> SubjectRequest | None:
    """One request, which nobody else changes until the transaction ends."""
    row = await raw.fetchrow(_LOCK, request_id)
    return None if row is None else _request(row)


async def newest_requests(raw: asyncpg.Connection, *, limit: int) -> list[SubjectRequest]:
    """The newest requests, newest first."""
    return [_request(row) for row in await raw.fetch(_NEWEST, limit)]


async def lock_received(raw: asyncpg.Connection, *, before: datetime) -> SubjectRequest | None:
    """The oldest request taken before a time of which nobody was asked; others skip it."""
    row = await raw.fetchrow(_LOCK_RECEIVED, before)
    return None if row is None else _request(row)


async def mark_asked(
    raw: asyncpg.Connection, request_id: RequestId, lead_ids: Sequence[UUID]
) -> None:
    """The services are being asked about these leads."""
    await raw.execute(_ASKED, request_id, lead_ids)


async def mark_completed(
    raw: asyncpg.Connection, request_id: RequestId, *, now: datetime, sealed_result: bytes | None
) -> None:
    """Everybody has answered; an export's parts give way to its result."""
    await raw.execute(_COMPLETED, request_id, now, sealed_result)
    await raw.execute(_FORGET_PARTS, request_id)


async def mark_overdue(
    raw: asyncpg.Connection, *, now: datetime, limit: int
) -> list[SubjectRequest]:
    """Requests that are late from now on, each once."""
    return [_request(row) for row in await raw.fetch(_OVERDUE, now, limit)]


async def add_answer(
    raw: asyncpg.Connection, answer: Answer, *, sealed_records: bytes | None, now: datetime
) -> bool:
    """Writes an answer's part down; False when it is there."""
    return bool(
        await raw.fetchval(
            _ANSWER,
            answer.request_id,
            answer.service,
            answer.part,
            answer.part_count,
            answer.record_count,
            answer.holds,
            sealed_records,
            now,
        )
    )


async def answered(raw: asyncpg.Connection, request_id: RequestId) -> list[Answered]:
    """How far each service has answered, in a fixed order."""
    rows: dict[str, Any] = {row[0]: row for row in await raw.fetch(_ANSWERED, request_id)}
    return [_answered(service, rows.get(service)) for service in (OWN, *ASKED_SERVICES)]


async def answer_parts(
    raw: asyncpg.Connection, request_id: RequestId
) -> Iterable[tuple[str, bytes]]:
    """The sealed parts of an export, by service and in their order."""
    return [(row[0], row[1]) for row in await raw.fetch(_PARTS, request_id)]


async def take_result(
    raw: asyncpg.Connection,
    request_id: RequestId,
    *,
    requester: str,
    since: datetime,
    now: datetime,
) -> bytes | None:
    """The sealed result of the requester's export completed since a time, which is then gone; None without one."""
    sealed: bytes | None = await raw.fetchval(_TAKE_RESULT, request_id, requester, since, now)
    return sealed


def _answered(service: str, row: Any) -> Answered:
    if row is None:
        return Answered(service, is_complete=False, record_count=0, holds=(), answered_at=None)
    return Answered(service, row[1], row[2], tuple(row[4] or ()), row[3])


def _request(row: Any) -> SubjectRequest:
    return SubjectRequest(
        RequestId(row[0]),
        RequestKind(row[1]),
        RequestState(row[2]),
        tuple(row[3]),
        row[4],
        tuple(row[5]),
        *row[6:],
    )
