"""Requests for sensitive actions and their votes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.domain.approvals import AccessRequest, Deed, Emergency, Status
from permissions.domain.approvers import Verdict, Vote

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg

_COLUMNS = (
    "request_id, template, requester_id, requester_epoch, subject_epoch, subject_id, action, resource_type,"
    " resource_id, params_hash, summary, requested_at_s, expires_at_s, status, usable_until_s, used_at_s, use_key,"
    " used_by, notify_ids, review_by_s, reviewed_by, reviewed_at_s, review, is_sanctioned, requested_seq, seq"
)
_VALUES = ", ".join(f"${number}" for number in range(1, 27))
_ADD = f"insert into access_requests ({_COLUMNS}) values ({_VALUES})"
_GET = f"select {_COLUMNS} from access_requests where request_id = $1"
_MOVE = (
    "update access_requests set status = $2, usable_until_s = $3, seq = $4 where request_id = $1"
)
_USE = """
update access_requests set status = 'used', used_at_s = $2, use_key = $3, used_by = $4, seq = $5
where request_id = $1 and status = 'approved' and used_at_s is null
"""
_REVIEW = """
update access_requests set reviewed_by = $2, reviewed_at_s = $3, review = $4, seq = $5 where request_id = $1
"""
_SANCTION = "update access_requests set is_sanctioned = true, seq = $2 where request_id = $1"
OPEN = "status in ('pending', 'approved')"
_OPEN_OF = f"""
select {_COLUMNS} from access_requests where {OPEN} and (requester_id = $1 or subject_id = $1) order by request_id
"""
_MADE_BY = f"""
select {_COLUMNS} from access_requests where requester_id = $1 and request_id > $2 order by request_id limit $3
"""
_AWAITING = f"""
select {_COLUMNS} from access_requests r
where {OPEN} and status = 'pending' and expires_at_s > $5 and template = any($1::text[]) and request_id > $3
  and requester_id <> $2 and subject_id <> $2
  and not exists (select from approval_votes v where v.request_id = r.request_id and v.approver_id = $2)
order by request_id limit $4
"""
_LAPSED = f"""
select {_COLUMNS} from access_requests
where {OPEN} and case status when 'pending' then expires_at_s else usable_until_s end <= $1
order by request_id limit $2
"""
_UNREVIEWED = f"""
select {_COLUMNS} from access_requests
where review_by_s is not null and review is null and not is_sanctioned and review_by_s <= $1
order by review_by_s limit $2
"""
_REASON = """
select p.seq, p.value from access_requests r join audit_personal p on p.seq = r.requested_seq and p.field = 'reason'
where r.request_id = $1
"""
_VOTES = """
select approver_id, step_group, verdict, voted_at_s, epoch from approval_votes where request_id = $1 order by seq
"""
_PUT_VOTE = """
insert into approval_votes (request_id, approver_id, step_group, verdict, voted_at_s, epoch, seq)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (request_id, approver_id) do update set
  step_group = excluded.step_group, verdict = excluded.verdict, voted_at_s = excluded.voted_at_s,
  epoch = excluded.epoch, seq = excluded.seq
"""
_PENDING_VOTES = f"""
select count(*) from approval_votes join access_requests using (request_id) where approver_id = $1 and {OPEN}
"""


async def add(raw: asyncpg.Connection, request: AccessRequest, *, seq: int) -> None:
    """Keeps a new request."""
    await raw.execute(_ADD, *_row(request), False, seq, seq)  # noqa: FBT003 - a column's value


async def get(raw: asyncpg.Connection, request_id: str) -> AccessRequest | None:
    """One request; None when there is none."""
    row = await raw.fetchrow(_GET, request_id)
    return None if row is None else _request(row)


async def move(raw: asyncpg.Connection, request: AccessRequest, *, seq: int) -> None:
    """Writes where a request stands now."""
    await raw.execute(_MOVE, request.id, request.status.value, request.usable_until_s, seq)


async def use(
    raw: asyncpg.Connection, request_id: str, *, at_s: float, key: str, used_by: str, seq: int
) -> bool:
    """Uses an approval up; false when somebody else has."""
    done: str = await raw.execute(_USE, request_id, at_s, key, used_by, seq)
    return done == "UPDATE 1"


async def review(
    raw: asyncpg.Connection, request_id: str, emergency: Emergency, *, seq: int
) -> None:
    """Writes what the review of an emergency said."""
    verdict = emergency.review.value if emergency.review else None
    await raw.execute(
        _REVIEW, request_id, emergency.reviewed_by, emergency.reviewed_at_s, verdict, seq
    )


async def sanction(raw: asyncpg.Connection, request_id: str, *, seq: int) -> None:
    """Notes that an emergency has had its consequence."""
    await raw.execute(_SANCTION, request_id, seq)


async def reason_of(raw: asyncpg.Connection, request_id: str) -> tuple[int, bytes] | None:
    """The entry that commits to why it was asked for, and that, sealed; None when not given, or when erased."""
    row = await raw.fetchrow(_REASON, request_id)
    return (row[0], row[1]) if row else None


async def votes_of(raw: asyncpg.Connection, request_id: str) -> list[Vote]:
    """The votes on a request, oldest first."""
    return [
        Vote(approver_id, group, Verdict(verdict), voted_at_s, epoch)
        for approver_id, group, verdict, voted_at_s, epoch in await raw.fetch(_VOTES, request_id)
    ]


async def put_vote(raw: asyncpg.Connection, request_id: str, vote: Vote, *, seq: int) -> None:
    """Keeps a vote in place of an earlier one of the same approver, which no longer counted."""
    verdict = vote.verdict.value
    await raw.execute(
        _PUT_VOTE,
        request_id,
        vote.approver_id,
        vote.group,
        verdict,
        vote.voted_at_s,
        vote.epoch,
        seq,
    )


async def open_of(raw: asyncpg.Connection, principal_id: str) -> list[AccessRequest]:
    """Requests that could still be used, made by a principal or for them."""
    return [_request(row) for row in await raw.fetch(_OPEN_OF, principal_id)]


async def open_vote_count(raw: asyncpg.Connection, approver_id: str) -> int:
    """How many requests that could still be used have a vote of this approver."""
    return int(await raw.fetchval(_PENDING_VOTES, approver_id))


async def made_by(
    raw: asyncpg.Connection, requester_id: str, *, after_id: str, limit: int
) -> list[AccessRequest]:
    """A page of somebody's requests, in the order of their ids."""
    return [_request(row) for row in await raw.fetch(_MADE_BY, requester_id, after_id, limit)]


async def awaiting(
    raw: asyncpg.Connection,
    approver_id: str,
    templates: Collection[str],
    *,
    after_id: str,
    limit: int,
    now_s: float,
) -> list[AccessRequest]:
    """A page of pending requests of others, by these templates, on which the approver has not voted."""
    rows = await raw.fetch(_AWAITING, list(templates), approver_id, after_id, limit, now_s)
    return [_request(row) for row in rows]


async def lapsed(raw: asyncpg.Connection, *, now_s: float, limit: int) -> list[AccessRequest]:
    """Requests whose time is over though they do not say so."""
    return [_request(row) for row in await raw.fetch(_LAPSED, now_s, limit)]


async def unreviewed(raw: asyncpg.Connection, *, now_s: float, limit: int) -> list[AccessRequest]:
    """Emergencies that nobody reviewed in time."""
    return [_request(row) for row in await raw.fetch(_UNREVIEWED, now_s, limit)]


def _row(request: AccessRequest) -> tuple[object, ...]:
    deed, emergency = request.deed, request.emergency
    return (
        request.id,
        request.template,
        request.requester_id,
        request.requester_epoch,
        request.subject_epoch,
        deed.subject_id,
        deed.action,
        deed.resource_type,
        deed.resource_id,
        deed.params_hash,
        request.summary,
        request.requested_at_s,
        request.expires_at_s,
        request.status.value,
        request.usable_until_s,
        request.used_at_s,
        request.use_key,
        request.used_by,
        list(emergency.notify_ids) if emergency else [],
        emergency.review_by_s if emergency else None,
        "",
        None,
        None,
    )


def _request(row: asyncpg.Record) -> AccessRequest:
    return AccessRequest(
        id=row["request_id"],
        template=row["template"],
        requester_id=row["requester_id"],
        requester_epoch=row["requester_epoch"],
        subject_epoch=row["subject_epoch"],
        deed=Deed(
            row["subject_id"],
            row["action"],
            row["resource_type"],
            row["resource_id"],
            row["params_hash"],
        ),
        summary=row["summary"],
        requested_at_s=row["requested_at_s"],
        expires_at_s=row["expires_at_s"],
        status=Status(row["status"]),
        usable_until_s=row["usable_until_s"],
        used_at_s=row["used_at_s"],
        use_key=row["use_key"],
        used_by=row["used_by"],
        emergency=_emergency(row),
    )


def _emergency(row: asyncpg.Record) -> Emergency | None:
    if row["review_by_s"] is None:
        return None
    return Emergency(
        notify_ids=tuple(row["notify_ids"]),
        review_by_s=row["review_by_s"],
        reviewed_by=row["reviewed_by"],
        reviewed_at_s=row["reviewed_at_s"],
        review=Verdict(row["review"]) if row["review"] else None,
    )
