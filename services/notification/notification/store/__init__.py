"""Reminders and recipients as rows, and the statements that move them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification.domain import BUNDLE_SIZE_MAX, Bundle, Kind, Reminder, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

DUE = f"state = {State.DUE:d}"


_ADD = f"""
insert into reminders (reminder_id, lead_id, recipient_id, kind, assignment_no, card, channel, received_at, traceparent,
                       state, attempt_count, next_attempt_at, last_error, created_at)
select t.*, {State.DUE:d}, 0, $10, '', $10
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int2[], $5::int4[], $6::bytea[], $7::text[], $8::timestamptz[],
            $9::text[]) as t
on conflict (lead_id, kind, assignment_no) do nothing
"""
# New reminders are grouped by recipient under the id of the first; a bundle that was tried before is leased by that
# first row alone, so that it never comes apart between replicas.
_LEASE = f"""
with unsent as (
  select reminder_id, recipient_id from reminders
  where {DUE} and webhook_id is null and recipient_id <> all($1::text[])
  order by reminder_id limit $4 for update skip locked
), retried as (
  select reminder_id from reminders
  where {DUE} and webhook_id = reminder_id and next_attempt_at <= now() and leased_until < now()
    and recipient_id <> all($1::text[])
  order by next_attempt_at limit $3 for update skip locked
), heads as (
  select recipient_id, head from (
    select distinct on (recipient_id) recipient_id, reminder_id as head from unsent order by recipient_id, reminder_id
  ) as each order by head limit $3
), members as (
  select reminder_id, head from (
    select u.reminder_id, h.head, row_number() over (partition by h.head order by u.reminder_id) as place
    from unsent u join heads h using (recipient_id)
  ) as grouped where place <= {BUNDLE_SIZE_MAX}
  union all
  select m.reminder_id, m.webhook_id from reminders m join retried r on m.webhook_id = r.reminder_id where m.{DUE}
)
update reminders r set webhook_id = m.head, leased_until = now() + $2 * interval '1 second'
from members m where r.reminder_id = m.reminder_id
returning r.webhook_id, r.attempt_count, r.reminder_id, r.lead_id, r.recipient_id, r.kind, r.assignment_no, r.card,
          r.channel, r.received_at, r.traceparent
"""
_RECORD = f"""
update reminders r
set state = o.state, attempt_count = o.attempt_count, next_attempt_at = o.next_attempt_at, last_error = o.error,
    last_attempt_at = case when o.attempt_count > r.attempt_count then o.answered_at else r.last_attempt_at end,
    leased_until = o.next_attempt_at
from unnest($1::uuid[], $2::int2[], $3::int4[], $4::timestamptz[], $5::text[], $6::timestamptz[])
     as o(webhook_id, state, attempt_count, next_attempt_at, error, answered_at)
where r.webhook_id = o.webhook_id and r.{DUE}
returning r.reminder_id
"""
_OF_LEAD = """
select reminder_id, recipient_id, kind, state, attempt_count, last_attempt_at, last_error
from reminders where lead_id = $1 order by reminder_id
"""
# A card's texts repeat the phone as it is shown, letter by letter.
_FORGET = """
update reminders r set card = convert_to(replace(c.text, c.shown, ''), 'UTF8')
from (
  select reminder_id, convert_from(card, 'UTF8') as text, convert_from(card, 'UTF8')::jsonb ->> 'phone_display' as shown
  from reminders where lead_id = any($1::uuid[])
) as c
where r.reminder_id = c.reminder_id and c.shown <> ''
"""
_KEPT = """
select lead_id, reminder_id, recipient_id, kind, state, attempt_count, created_at, last_attempt_at
from reminders where lead_id = any($1::uuid[]) order by reminder_id
"""
_HEALTH = "select state, count(*) from reminders group by state"
_PUT = """
insert into recipients (recipient_id, webhook_url, sealed_secret, changed_at)
select t.*, clock_timestamp() from unnest($1::text[], $2::text[], $3::bytea[]) as t order by 1
on conflict (recipient_id) do update
set webhook_url = excluded.webhook_url, sealed_secret = excluded.sealed_secret, disabled_at = null,
    changed_at = excluded.changed_at
"""
_RECIPIENTS = """
select recipient_id, webhook_url, sealed_secret, disabled_at, changed_at from recipients
where changed_at > coalesce($1, '-infinity'::timestamptz)
"""
_ENABLED = """
select recipient_id, webhook_url, sealed_secret from recipients
where recipient_id = any($1::text[]) and disabled_at is null
"""
_DISABLE = """
update recipients set disabled_at = $2, changed_at = clock_timestamp()
where recipient_id = any($1::text[]) and disabled_at is null
"""


async def add(raw: asyncpg.Connection, reminders: Sequence[Reminder], *, now: datetime) -> None:
    """Writes reminders in one statement; one that exists for the same lead, kind and assignment stays as it is."""
    columns: Iterable[Any] = zip(
        *(
            (
                r.reminder_id,
                r.lead_id,
                r.recipient_id,
                r.kind,
                r.assignment_no,
                r.card,
                r.channel,
                r.received_at,
                r.traceparent,
            )
            for r in reminders
        ),
        strict=True,
    )
    await raw.execute(_ADD, *columns, now)


async def lease(
    raw: asyncpg.Connection, *, except_for: Sequence[str], lease_s: float, limit: int
) -> list[Bundle]:
    """Takes due bundles, at most `limit` new ones and `limit` retried ones, one new bundle for a recipient.

    Nobody else gets them for `lease_s` seconds by the database's clock. Recipients in `except_for` are left out.
    """
    rows = await raw.fetch(_LEASE, except_for, lease_s, limit, limit * BUNDLE_SIZE_MAX)
    members: dict[UUID, list[Any]] = {}
    for row in rows:
        members.setdefault(row["webhook_id"], []).append(row)
    return [_bundle(webhook_id, together) for webhook_id, together in members.items()]


async def record(
    raw: asyncpg.Connection,
    outcomes: Sequence[tuple[UUID, State, int, datetime, str, datetime]],
) -> set[UUID]:
    """Writes what became of bundles: webhook id, state, tries, time of the next try, error, time of the answer.

    Returns the reminders that were still due; the others had been ended by somebody else.
    """
    columns: Iterable[Any] = zip(*outcomes, strict=True)
    return {row[0] for row in await raw.fetch(_RECORD, *columns)}


async def of_lead(raw: asyncpg.Connection, lead_id: UUID) -> list[Any]:
    """The reminders about a lead, oldest first."""
    return list(await raw.fetch(_OF_LEAD, lead_id))


async def counts_by_state(raw: asyncpg.Connection) -> dict[State, int]:
    """How many reminders are in each state."""
    counts = {State(state): int(count) for state, count in await raw.fetch(_HEALTH)}
    return {state: counts.get(state, 0) for state in State}


async def put_recipients(
    raw: asyncpg.Connection, recipients: Sequence[tuple[str, str, bytes]]
) -> None:
    """Creates or replaces recipients (id, address, sealed secret), and enables those that were disabled."""
    columns: Iterable[Any] = zip(*recipients, strict=True)
    await raw.execute(_PUT, *columns)


async def enabled_recipients(
    raw: asyncpg.Connection, recipient_ids: Sequence[str]
) -> dict[str, tuple[str, bytes]]:
    """Address and sealed secret of those of the recipients that exist and are not disabled."""
    return {row[0]: (row[1], row[2]) for row in await raw.fetch(_ENABLED, recipient_ids)}


async def recipients_changed_after(raw: asyncpg.Connection, after: datetime | None) -> list[Any]:
    """Recipients changed after a time, the disabled ones too; all when it is None."""
    return list(await raw.fetch(_RECIPIENTS, after))


async def disable(raw: asyncpg.Connection, recipient_ids: Sequence[str], *, now: datetime) -> None:
    """Sends nothing more to these recipients until they are put again."""
    await raw.execute(_DISABLE, recipient_ids, now)


async def forget_phones(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> int:
    """Takes what is shown of a phone out of the cards of these leads; returns how many cards had one."""
    status: str = await raw.execute(_FORGET, lead_ids)
    return int(status.rpartition(" ")[2])


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """The reminders about these leads, without their cards."""
    return list(await raw.fetch(_KEPT, lead_ids))


def _bundle(webhook_id: UUID, rows: Sequence[Any]) -> Bundle:
    return Bundle(
        webhook_id=webhook_id,
        recipient_id=rows[0]["recipient_id"],
        attempt_count=rows[0]["attempt_count"],
        reminders=sorted(map(_reminder, rows), key=lambda reminder: reminder.reminder_id),
    )


def _reminder(row: Any) -> Reminder:
    return Reminder(
        reminder_id=row["reminder_id"],
        lead_id=row["lead_id"],
        recipient_id=row["recipient_id"],
        kind=Kind(row["kind"]),
        assignment_no=row["assignment_no"],
        card=row["card"],
        channel=row["channel"],
        received_at=row["received_at"],
        traceparent=row["traceparent"],
    )
