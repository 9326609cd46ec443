"""Messages on their routes as rows: queued, leased in bundles, and ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from notification.domain.addresses import Device
from notification.domain.media import BUNDLE_SIZES, Medium
from notification.domain.reminders import State
from notification.domain.sending import Bundle, Parcel, SendState
from notification.store.columns import columns
from notification.store.reminders import subject_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_QUEUED = f"s.state = {SendState.QUEUED:d}"
_SIZE = (
    "case s.medium "
    + " ".join(f"when '{medium.value}' then {size}" for medium, size in BUNDLE_SIZES.items())
    + " else 1 end"
)
_SIZE_MAX = max(BUNDLE_SIZES.values())
BUNDLES_OF_A_LANE = 3
"""New bundles of one lane that are leased together: a long queue for few people is not emptied one by one."""

_LOOKED_AT = 8
"""Messages looked at for each new bundle: each of them is locked, which costs as much as writing it."""

_QUEUE = f"""
insert into sends (send_id, reminder_id, step, medium, device, recipient_id, lane, state, attempt_count,
                   next_attempt_at, last_reason, last_error, provider_message_id)
select t.*, {SendState.QUEUED:d}, 0, $8, '', '', ''
from unnest($1::uuid[], $2::uuid[], $3::int2[], $4::text[], $5::text[], $6::text[], $7::text[]) as t
"""
# New messages are grouped by lane (medium, recipient, device) into bundles, each under the id of its first; beside one
# that is not full only full ones leave. A bundle that was tried before is leased by that first row alone, so that it
# never comes apart between replicas. A message is moot when its reminder is over, or when the resource has another
# owner than the one it was meant for.
_LEASE = f"""
with unsent as (
  select s.send_id, s.lane, {_SIZE} as size from sends s
  where {_QUEUED} and s.bundle_id is null and s.lane <> all($1::text[])
  order by s.send_id limit $4 for update skip locked
), retried as (
  select s.send_id from sends s
  where {_QUEUED} and s.bundle_id = s.send_id and s.next_attempt_at <= now() and s.leased_until < now()
    and s.lane <> all($1::text[])
  order by s.next_attempt_at limit $3 for update skip locked
), placed as (
  select send_id, lane, size, (row_number() over of_lane - 1) / size as number,
         first_value(send_id) over of_lane as oldest
  from unsent window of_lane as (partition by lane order by send_id)
), ranked as (
  select *, dense_rank() over (order by oldest) as lane_no from placed
), grouped as (
  select send_id, size, number, first_value(send_id) over bundle as head, count(*) over bundle as filled
  from ranked where number < {BUNDLES_OF_A_LANE} and lane_no <= $3
  window bundle as (partition by lane, number order by send_id rows between unbounded preceding and unbounded following)
), members as (
  select send_id, head from grouped where number = 0 or filled = size
  union all
  select s.send_id, s.bundle_id from sends s join retried r on s.bundle_id = r.send_id where {_QUEUED}
), leased as (
  update sends s set bundle_id = m.head, leased_until = now() + $2 * interval '1 second'
  from members m where s.send_id = m.send_id
  returning s.bundle_id, s.send_id, s.reminder_id, s.lane, s.medium, s.device, s.recipient_id, s.attempt_count
)
select l.*, r.kind_name, r.card, r.lead_id, r.channel, r.received_at, r.assignment_no, r.traceparent,
       r.state not in ({State.SENDING:d}, {State.AWAITING:d}) as is_over,
       r.recipient_id <> l.recipient_id
         or (r.target in (1, 2) and o.owner_id is not null and o.owner_id <> r.owner_id) as is_moved
from leased l join reminders r using (reminder_id)
left join owners o on o.resource_type = r.resource_type and o.resource_id = r.resource_id
"""
_RECORD = f"""
update sends s
set state = o.state, attempt_count = o.attempt_count, next_attempt_at = o.next_attempt_at, last_reason = o.reason,
    last_error = o.error, provider_message_id = o.message_id, leased_until = o.next_attempt_at,
    last_attempt_at = case when o.attempt_count > s.attempt_count then o.answered_at else s.last_attempt_at end,
    accepted_at = case when o.state = {SendState.ACCEPTED:d} then o.answered_at else s.accepted_at end
from unnest($1::uuid[], $2::int2[], $3::int4[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[])
     as o(bundle_id, state, attempt_count, next_attempt_at, reason, error, message_id, answered_at)
where s.bundle_id = o.bundle_id and {_QUEUED}
returning s.send_id
"""
_DROP = f"update sends s set state = {SendState.DROPPED:d} where s.send_id = any($1::uuid[]) and {_QUEUED}"
_POSTPONE = f"""
update sends s set next_attempt_at = p.until, leased_until = p.until
from unnest($1::uuid[], $2::timestamptz[]) as p(bundle_id, until)
where s.bundle_id = p.bundle_id and {_QUEUED}
"""
# A carrier may be quicker than we are at writing down that its message was taken.
_REFUSE = f"""
update sends s set state = {SendState.REFUSED:d}, last_reason = 'refused', last_error = left(f.error, 200),
                   accepted_at = null
from unnest($1::uuid[], $2::text[]) as f(send_id, error)
where s.send_id = f.send_id and s.state in ({SendState.QUEUED:d}, {SendState.ACCEPTED:d})
returning s.reminder_id
"""
_OF_REMINDERS = """
select reminder_id, send_id, step, medium, device, recipient_id, state, attempt_count, last_error, accepted_at
from sends where reminder_id = any($1::uuid[]) order by send_id
"""
_BY_REFERENCE = """
select s.send_id, s.medium, s.provider_message_id from sends s
where s.medium = any($1::text[])
  and (s.send_id = any($2::uuid[]) or (s.provider_message_id = any($3::text[]) and $3 <> '{}'))
"""


async def queue(
    raw: asyncpg.Connection,
    sends: Sequence[tuple[UUID, UUID, int, str, str, str, str]],
    *,
    now: datetime,
) -> None:
    """Writes messages to be sent: message, reminder, step, medium, device, recipient, lane."""
    if sends:
        await raw.execute(_QUEUE, *columns(sends), now)


async def lease(
    raw: asyncpg.Connection, *, except_for: Sequence[str], lease_s: float, limit: int
) -> list[Bundle]:
    """Takes due bundles: new ones of `limit` lanes at most, up to three of each, and `limit` retried ones.

    Nobody else gets them for `lease_s` seconds by the database's clock. Lanes in `except_for` are left out.
    """
    rows = await raw.fetch(_LEASE, except_for, lease_s, limit, max(_SIZE_MAX, limit * _LOOKED_AT))
    members: dict[UUID, list[Any]] = {}
    for row in rows:
        members.setdefault(row["bundle_id"], []).append(row)
    return [_bundle(bundle_id, together) for bundle_id, together in members.items()]


async def record(
    raw: asyncpg.Connection,
    outcomes: Sequence[tuple[UUID, SendState, int, datetime, str, str, str, datetime]],
) -> set[UUID]:
    """Writes what became of bundles: bundle, state, tries, next try, reason, error, provider's id, time of the answer.

    Returns the messages that were still queued; the others had been ended by somebody else.
    """
    if not outcomes:
        return set()
    return {row[0] for row in await raw.fetch(_RECORD, *columns(outcomes))}


async def drop(raw: asyncpg.Connection, send_ids: Iterable[UUID]) -> None:
    """Sends these no more."""
    await raw.execute(_DROP, list(send_ids))


async def postpone(raw: asyncpg.Connection, bundles: Sequence[tuple[UUID, datetime]]) -> None:
    """Leaves leased bundles until a time, without counting it as a try."""
    if bundles:
        await raw.execute(_POSTPONE, *columns(bundles))


async def refuse(raw: asyncpg.Connection, failures: Sequence[tuple[UUID, str]]) -> list[UUID]:
    """Ends messages that a provider took and could not bring; returns their reminders."""
    return [row[0] for row in await raw.fetch(_REFUSE, *columns(failures))]


async def of_reminders(raw: asyncpg.Connection, reminder_ids: Sequence[UUID]) -> list[Any]:
    """The messages of these reminders, oldest first."""
    return list(await raw.fetch(_OF_REMINDERS, reminder_ids))


async def by_reference(
    raw: asyncpg.Connection,
    media: Iterable[Medium],
    send_ids: Sequence[UUID],
    message_ids: Sequence[str],
) -> list[Any]:
    """Messages of these media by our id or by the provider's."""
    names = [medium.value for medium in media]
    return list(await raw.fetch(_BY_REFERENCE, names, send_ids, message_ids))


def _bundle(bundle_id: UUID, rows: Sequence[Any]) -> Bundle:
    first = rows[0]
    return Bundle(
        bundle_id=bundle_id,
        lane=first["lane"],
        medium=Medium(first["medium"]),
        device=Device(first["device"]),
        recipient_id=first["recipient_id"],
        attempt_count=first["attempt_count"],
        parcels=sorted(map(_parcel, rows), key=lambda parcel: parcel.send_id),
    )


def _parcel(row: Any) -> Parcel:
    return Parcel(
        send_id=row["send_id"],
        reminder_id=row["reminder_id"],
        kind=row["kind_name"],
        facts=json.loads(row["card"]),
        subject=subject_of(row),
        is_moot=row["is_over"] or row["is_moved"],
        is_moved=row["is_moved"] and not row["is_over"],
    )
