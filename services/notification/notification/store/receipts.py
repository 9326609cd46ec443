"""The ledger of receipts, and what they do to their reminders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification.domain.receipts import INTERACTIONS, PROOFS, ReceiptKind
from notification.domain.reminders import State
from notification.domain.sending import SendState
from notification.store.columns import columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from notification.domain.receipts import Receipt

_PROVING = ", ".join(f"{kind:d}" for kind in PROOFS)
_SEEN = ", ".join(f"{kind:d}" for kind in INTERACTIONS)
_TAKE = f"""
with known as (
  select t.* from unnest($1::uuid[], $2::int2[], $3::timestamptz[], $4::text[]) as t(send_id, kind, at, source)
  join sends s using (send_id)
), fresh as (
  insert into receipts (send_id, kind, at, source)
  select distinct on (send_id, kind) send_id, kind, at, source from known order by send_id, kind, at
  on conflict do nothing returning send_id, kind, at
), proofs as (
  select s.reminder_id, min(f.at) as at, bool_or(f.kind in ({_SEEN})) as is_seen,
         min(f.at) filter (where f.kind in ({_SEEN})) as seen_at, min(s.medium) as medium
  from fresh f join sends s using (send_id) where f.kind in ({_PROVING}) group by s.reminder_id
), before as (
  select p.*, r.reached_at, r.interacted_at from reminders r join proofs p using (reminder_id)
  order by r.reminder_id for update of r
)
update reminders r
set reached_at = coalesce(r.reached_at, b.at), interacted_at = coalesce(r.interacted_at, b.seen_at),
    accepted_at = coalesce(r.accepted_at, b.at),
    state = {State.DELIVERED:d}
from before b
where r.reminder_id = b.reminder_id
returning r.reminder_id, r.kind_name, r.lead_id, r.channel, r.received_at, r.assignment_no, r.traceparent,
          r.recipient_id, r.attempt_count, b.at, b.seen_at, b.medium,
          b.reached_at is null as is_new, b.is_seen and b.interacted_at is null as is_first_seen
"""
# Nothing joins two results of unknown size: the planner takes both for small and compares each row with each.
# What an answer proves is written with the answer: the messages of each bundle, their receipts, and their reminders.
_PROVE = f"""
with sent as (
  update sends s
  set state = {SendState.ACCEPTED:d}, attempt_count = s.attempt_count + 1, next_attempt_at = a.at, leased_until = a.at,
      last_attempt_at = a.at, accepted_at = a.at, last_reason = '', last_error = ''
  from unnest($1::uuid[], $2::timestamptz[]) as a(bundle_id, at)
  where s.bundle_id = a.bundle_id and s.state = {SendState.QUEUED:d}
  returning s.send_id, s.reminder_id, s.medium, a.at
), fresh as (
  insert into receipts (send_id, kind, at, source) select send_id, {ReceiptKind.DELIVERED:d}, at, 'answer' from sent
  on conflict do nothing
), proofs as (
  select reminder_id, min(at) as at, count(*) as tries, min(medium) as medium from sent group by reminder_id
), before as (
  select p.*, r.reached_at from reminders r join proofs p using (reminder_id)
  order by r.reminder_id for update of r
)
update reminders r
set attempt_count = r.attempt_count + b.tries, last_attempt_at = b.at, last_error = '',
    accepted_at = coalesce(r.accepted_at, b.at), reached_at = coalesce(r.reached_at, b.at),
    state = {State.DELIVERED:d}
from before b
where r.reminder_id = b.reminder_id
returning r.reminder_id, r.kind_name, r.lead_id, r.channel, r.received_at, r.assignment_no, r.traceparent,
          r.recipient_id, r.attempt_count, b.at, null as seen_at, b.medium,
          b.reached_at is null as is_new, false as is_first_seen
"""
_OF_REMINDERS = """
select s.reminder_id, x.send_id, x.kind, x.at, x.source from receipts x join sends s using (send_id)
where s.reminder_id = any($1::uuid[]) order by x.at
"""
_OPENED = """
select r.lead_id, s.medium, s.accepted_at from sends s join reminders r using (reminder_id) where s.send_id = $1
"""


async def take(raw: asyncpg.Connection, receipts: Sequence[Receipt]) -> list[Any]:
    """Writes receipts of messages that exist, once for each kind; returns reminders of which they prove something new.

    `is_new` rows were not known to have arrived before, `is_first_seen` ones not to have been opened.
    """
    if not receipts:
        return []
    records = [(r.send_id, int(r.kind), r.at, r.source) for r in receipts]
    return list(await raw.fetch(_TAKE, *columns(records)))


async def prove(raw: asyncpg.Connection, answered: Sequence[tuple[UUID, datetime]]) -> list[Any]:
    """Writes that bundles arrived with the answer to them, each at its time; returns their reminders, as `take`."""
    return list(await raw.fetch(_PROVE, *columns(answered))) if answered else []


async def of_reminders(raw: asyncpg.Connection, reminder_ids: Sequence[UUID]) -> list[Any]:
    """The receipts of these reminders, oldest first."""
    return list(await raw.fetch(_OF_REMINDERS, reminder_ids))


async def opened(raw: asyncpg.Connection, send_id: UUID) -> Any:
    """The lead that a message is about (None for none), its medium, and when it was taken; None for no such message."""
    return await raw.fetchrow(_OPENED, send_id)
