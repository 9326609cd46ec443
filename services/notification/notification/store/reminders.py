"""Reminders as rows: kept, claimed when due, and moved on by what became of their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification.domain.reminders import Resource, State, Subject, Target, TargetKind
from notification.domain.routing import Due
from notification.domain.sending import SendState
from notification.store.columns import columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from notification.domain.reminders import Reminder
    from notification.domain.routing import Beginning, Routed

_ADD = """
insert into reminders (reminder_id, kind_name, dedupe_key, lead_id, channel, received_at, assignment_no, traceparent,
                       card, target, resource_type, resource_id, person_id, manager_id, recipient_id, owner_id, state,
                       step, next_attempt_at, attempt_count, last_reason, last_error, created_at)
select t.*, 0, '', '', $20
from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[], $7::int4[], $8::text[],
            $9::bytea[], $10::int2[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
            $17::int2[], $18::int2[], $19::timestamptz[]) as t
on conflict (kind_name, dedupe_key) do nothing
returning reminder_id
"""
_CLAIM = """
with due as (
  select reminder_id from reminders where state in (1, 4, 5) and next_attempt_at <= $1
  order by next_attempt_at limit $2 for update skip locked
)
select r.reminder_id, r.kind_name, r.lead_id, r.channel, r.received_at, r.assignment_no, r.traceparent, r.target,
       r.resource_type, r.resource_id, r.person_id, r.manager_id, r.state, r.step, r.attempt_count, r.accepted_at,
       r.last_reason, o.owner_id, coalesce(o.assignment_no, 0) as owner_assignment_no,
       exists (select from sends s where s.reminder_id = r.reminder_id and s.bundle_id is not null) as is_begun
from due join reminders r using (reminder_id)
left join owners o on o.resource_type = r.resource_type and o.resource_id = r.resource_id
"""
_MOVE = """
update reminders r
set state = m.state, step = m.step, next_attempt_at = m.next_at, recipient_id = m.recipient_id, owner_id = m.owner_id,
    last_reason = case when m.reason = '' then r.last_reason else m.reason end,
    last_error = case when r.last_error = '' then m.reason else r.last_error end
from unnest($1::uuid[], $2::int2[], $3::int2[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])
     as m(reminder_id, state, step, next_at, recipient_id, owner_id, reason)
where r.reminder_id = m.reminder_id
"""
_WAIT = """
update reminders r set step = w.step, next_attempt_at = w.until
from unnest($1::uuid[], $2::int2[], $3::timestamptz[]) as w(reminder_id, step, until)
where r.reminder_id = w.reminder_id
"""
# A reminder follows its messages: with a provider, it waits for a receipt; with every one of them refused, its next
# step is due; proved by the answer itself, it is delivered.
_SETTLE = f"""
with locked as (
  select r.reminder_id, w.receipt_within_s
  from reminders r join unnest($1::uuid[], $2::float8[]) as w(reminder_id, receipt_within_s) using (reminder_id)
  order by r.reminder_id for update of r
), messages as (
  select s.reminder_id, min(l.receipt_within_s) as receipt_within_s,
         bool_or(s.state = {SendState.QUEUED:d}) as queued, max(s.accepted_at) as accepted_at,
         sum(s.attempt_count) as tries, max(s.last_attempt_at) as tried_at,
         (array_agg(s.last_error order by s.last_attempt_at desc nulls last))[1] as error,
         (array_agg(s.last_reason order by s.last_attempt_at desc nulls last))[1] as reason
  from sends s join locked l using (reminder_id) group by s.reminder_id
)
update reminders r
set attempt_count = m.tries, last_attempt_at = m.tried_at, last_error = m.error,
    last_reason = case when m.reason = '' then r.last_reason else m.reason end,
    accepted_at = coalesce(r.accepted_at, m.accepted_at),
    state = case when r.state <> {State.SENDING:d} then r.state
                 when m.accepted_at is not null then {State.AWAITING:d}
                 when m.queued then r.state else {State.DUE:d} end,
    step = case when r.state = {State.SENDING:d} and m.accepted_at is null and not m.queued then r.step + 1
                else r.step end,
    next_attempt_at = case when r.state <> {State.SENDING:d} then r.next_attempt_at
                           when m.accepted_at is not null then m.accepted_at + m.receipt_within_s * interval '1 second'
                           when m.queued then r.next_attempt_at else $3 end
from messages m
where r.reminder_id = m.reminder_id
returning r.reminder_id, r.state, r.attempt_count
"""
_REROUTE = f"""
update reminders set state = {State.DUE:d}, step = 0, next_attempt_at = $2
where reminder_id = any($1::uuid[]) and state in ({State.SENDING:d}, {State.AWAITING:d})
"""
# A message came back: unless another one of the reminder is with a provider, its next step is due.
_RESTART = f"""
update reminders r
set state = {State.DUE:d}, step = least(r.step, 98) + 1, next_attempt_at = $2, last_reason = 'refused',
    accepted_at = null
where r.reminder_id = any($1::uuid[]) and r.state in ({State.SENDING:d}, {State.AWAITING:d}) and not exists (
  select from sends s
  where s.reminder_id = r.reminder_id and s.state in ({SendState.QUEUED:d}, {SendState.ACCEPTED:d})
)
"""
_OF_LEAD = """
select reminder_id, kind_name, recipient_id, state, attempt_count, last_attempt_at, last_error, accepted_at, reached_at,
       interacted_at
from reminders where lead_id = $1 order by reminder_id
"""
_COUNTS = "select state, count(*) from reminders group by state"
_HELD = f"select count(*) from reminders where state = {State.DUE:d} and next_attempt_at > now() + interval '1 minute'"


async def add(
    raw: asyncpg.Connection, beginnings: Sequence[Beginning], *, now: datetime
) -> set[UUID]:
    """Writes reminders in one statement; returns those that are new.

    One that exists for the same kind and key stays as it is. Those without a route are due at `now`.
    """
    records = [(*_written(each.reminder), *_begun(each.route, now)) for each in beginnings]
    return {row[0] for row in await raw.fetch(_ADD, *columns(records), now)}


async def claim_due(raw: asyncpg.Connection, *, now: datetime, limit: int) -> list[Due]:
    """Locks what is due and nobody else has locked, longest due first, for the rest of the transaction."""
    return [_due(row) for row in await raw.fetch(_CLAIM, now, limit)]


async def move(
    raw: asyncpg.Connection,
    moves: Sequence[tuple[UUID, State, int, datetime, str, str, str]],
) -> None:
    """Writes what was decided: reminder, state, step, when to look again, recipient, owner, reason (or empty)."""
    if moves:
        await raw.execute(_MOVE, *columns(moves))


async def wait(raw: asyncpg.Connection, waits: Sequence[tuple[UUID, int, datetime]]) -> None:
    """Looks at these reminders again at a time, and not before: reminder, step, time."""
    if waits:
        await raw.execute(_WAIT, *columns(waits))


async def settle(
    raw: asyncpg.Connection, waits_s: dict[UUID, float], *, now: datetime
) -> list[Any]:
    """Lets reminders follow their messages; `waits_s` is how long each waits for a receipt once it was taken."""
    if not waits_s:
        return []
    return list(await raw.fetch(_SETTLE, list(waits_s), list(waits_s.values()), now))


async def reroute(raw: asyncpg.Connection, reminder_ids: Iterable[UUID], *, now: datetime) -> None:
    """Looks for the recipients of these anew, for they are others by now."""
    await raw.execute(_REROUTE, list(reminder_ids), now)


async def restart(raw: asyncpg.Connection, reminder_ids: Iterable[UUID], *, now: datetime) -> None:
    """Begins the next step of those whose last message came back from its provider."""
    await raw.execute(_RESTART, list(reminder_ids), now)


async def of_lead(raw: asyncpg.Connection, lead_id: UUID) -> list[Any]:
    """The reminders about a lead, oldest first."""
    return list(await raw.fetch(_OF_LEAD, lead_id))


async def counts_by_state(raw: asyncpg.Connection) -> dict[State, int]:
    """How many reminders are in each state."""
    counts = {State(state): int(count) for state, count in await raw.fetch(_COUNTS)}
    return {state: counts.get(state, 0) for state in State}


async def held_count(raw: asyncpg.Connection) -> int:
    """How many are due later than in a minute: held until quiet hours end."""
    return int(await raw.fetchval(_HELD))


def _written(reminder: Reminder) -> tuple[Any, ...]:
    subject, target = reminder.subject, reminder.target
    resource = target.resource or Resource("", "")
    return (
        reminder.reminder_id,
        reminder.kind,
        reminder.dedupe_key,
        subject.lead_id,
        subject.channel,
        subject.received_at,
        subject.assignment_no,
        subject.traceparent,
        reminder.facts,
        target.kind,
        resource.type,
        resource.id,
        target.person_id,
        target.manager_id,
    )


def _begun(route: Routed | None, now: datetime) -> tuple[str, str, State, int, datetime]:
    if route is None:
        return "", "", State.DUE, 0, now
    return route.person.recipient_id, route.owner_id, State.SENDING, route.step, route.next_at


def _due(row: Any) -> Due:
    return Due(
        reminder_id=row["reminder_id"],
        kind=row["kind_name"],
        target=Target(
            TargetKind(row["target"]),
            Resource(row["resource_type"], row["resource_id"]),
            row["person_id"],
            row["manager_id"],
        ),
        subject=subject_of(row),
        state=State(row["state"]),
        step=row["step"],
        attempt_count=row["attempt_count"],
        accepted_at=row["accepted_at"],
        last_reason=row["last_reason"],
        owner_id=row["owner_id"],
        owner_assignment_no=row["owner_assignment_no"],
        is_begun=row["is_begun"],
    )


def subject_of(row: Any) -> Subject:
    """What a row's reminder is about."""
    return Subject(
        row["lead_id"],
        row["channel"],
        row["received_at"],
        row["assignment_no"],
        row["traceparent"],
    )
