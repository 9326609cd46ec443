"""Facts about leads as rows: one a lead, and one an event.

Every statement takes a whole batch, writes the columns of its own event only, and joins them with what is there by
least, greatest or bitwise or: events that come twice, late or in another order leave the same row. Rows are locked in
order of lead id, so that consumers do not deadlock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reporting.domain.leads import Entry, FunnelLine, Latency

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from reporting.domain.leads import Fact


_JOINS = {
    "LeadReceived": (("understood_at", "min", "least"),),
    "LeadRejected": (("rejected_at", "min", "least"),),
    "DeliveryQuarantined": (("quarantined_at", "max", "greatest"),),
    "LeadAssigned": (("assigned_at", "min", "least"), ("last_assigned_at", "max", "greatest")),
    "LeadUnassignable": (("unassignable_at", "max", "greatest"),),
    "LeadMerged": (("merged_at", "min", "least"),),
    "LeadWithdrawn": (("withdrawn_at", "min", "least"),),
    "LeadContacted": (("contacted_at", "min", "least"),),
    "LeadPooled": (("pooled_at", "max", "greatest"),),
    "LeadClaimed": (("claimed_at", "max", "greatest"),),
    "OwnershipGranted": (("granted_at", "min", "least"),),
    "ReminderDelivered": (("reminded_at", "min", "least"),),
    "ReminderFailed": (("reminder_failed_at", "max", "greatest"),),
}
"""For each event: its columns, how a batch is joined, and how the batch is joined with the row."""


_TOLD_ONLY = (
    "LeadDeclined",
    "FollowUpBecameYellow",
    "FollowUpOverdue",
    "ReviewRequired",
    "FollowUpRecorded",
    "FollowUpBecameEffective",
)
"""Events that change nothing about where their lead stands."""
_TELL = """
insert into timeline (lead_id, event_id, occurred_at, event, summary, trace_id)
select lead_id, event_id, to_timestamp(occurred_us / 1e6), $6, summary, trace_id
from unnest($1::uuid[], $2::uuid[], $3::int8[], $4::text[], $5::text[])
  as t(lead_id, event_id, occurred_us, summary, trace_id)
on conflict do nothing
"""


def _record_statement(columns: str, values: str, joins: str, *, condition: str = "true") -> str:
    return f"""
with batch as materialized (
  select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::int4[])
    as t(lead_id, event_id, channel, received_us, occurred_us, summary, trace_id, number)
), facts as (
  insert into lead_facts as f (lead_id, channel, received_at, {columns})
  select lead_id, min(channel), to_timestamp(min(received_us) / 1e6), {values} from batch
  where {condition} group by lead_id order by lead_id
  on conflict (lead_id) do update set {joins}
)
insert into timeline (lead_id, event_id, occurred_at, event, summary, trace_id)
select lead_id, event_id, to_timestamp(occurred_us / 1e6), $9, summary, trace_id from batch
on conflict do nothing
"""


def _times_statement(event: str) -> str:
    joins = _JOINS[event]
    return _record_statement(
        columns=", ".join(column for column, _, _ in joins),
        values=", ".join(f"to_timestamp({gather}(occurred_us) / 1e6)" for _, gather, _ in joins),
        joins=", ".join(f"{c} = {keep}(f.{c}, excluded.{c})" for c, _, keep in joins),
        # Only the owner's reminder (number 1) says that the owner was reminded.
        condition="number = 1" if event.startswith("Reminder") else "true",
    )


_RECORD = {event: _times_statement(event) for event in _JOINS} | {
    "ContactOverdue": _record_statement(
        columns="overdue_assignments",
        values="bit_or(1::int8 << least(number, 62))",
        joins="overdue_assignments = coalesce(f.overdue_assignments, 0) | excluded.overdue_assignments",
    )
}
_FUNNEL = """
select channel, to_char(received_at at time zone $3, 'YYYY-MM-DD') as day, outcome, count(*), count(granted_at),
       count(reminded_at), count(contacted_at), max(newest_at)
from lead_outcomes
where received_at >= coalesce($1, '-infinity'::timestamptz) and received_at < coalesce($2, 'infinity'::timestamptz)
group by 1, 2, 3 order by 2, 1, 3
"""
_TIMELINE = """
select occurred_at, event, summary, coalesce(trace_id, '') from timeline where lead_id = $1
order by occurred_at, event_id
"""
_KEPT = """
select lead_id, occurred_at, event, summary from timeline where lead_id = any($1::uuid[])
order by lead_id, occurred_at, event_id
"""
_LATENCY = """
select count(*), percentile_cont(0.5) within group (order by latency_ms),
       percentile_cont(0.99) within group (order by latency_ms), min(received_at), max(reminded_at)
from (
  select received_at, reminded_at, extract(epoch from reminded_at - received_at)::float8 * 1000 as latency_ms
  from lead_facts where reminded_at is not null and received_at >= coalesce($1, '-infinity'::timestamptz)
) as measured
"""


async def record(raw: asyncpg.Connection, event: str, facts: Sequence[Fact]) -> None:
    """Writes what one kind of event said, in one statement for all of them."""
    columns = list(zip(*facts, strict=True))
    if event in _TOLD_ONLY:
        lead_ids, event_ids, _, _, occurred_us, summaries, trace_ids, _ = columns
        await raw.execute(_TELL, lead_ids, event_ids, occurred_us, summaries, trace_ids, event)
    else:
        await raw.execute(_RECORD[event], *columns, event)


async def funnel(
    raw: asyncpg.Connection, *, since: datetime | None, until: datetime | None, time_zone: str
) -> tuple[list[FunnelLine], datetime | None]:
    """Leads by channel, day of `time_zone` and outcome; and the newest fact among them."""
    rows = await raw.fetch(_FUNNEL, since, until, time_zone)
    lines = [FunnelLine(*row[:7]) for row in map(tuple, rows)]
    return lines, max((row[7] for row in rows), default=None)


async def timeline(raw: asyncpg.Connection, lead_id: UUID) -> list[Entry]:
    """Everything that happened to a lead, oldest first."""
    return [Entry(*row) for row in await raw.fetch(_TIMELINE, lead_id)]


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """The entries about these leads."""
    return list(await raw.fetch(_KEPT, lead_ids))


async def latency(raw: asyncpg.Connection, *, since: datetime | None) -> Latency:
    """Accept-to-reminded latency of the leads accepted since a time."""
    count, p50_ms, p99_ms, first, last = await raw.fetchrow(_LATENCY, since)
    return Latency(int(count), p50_ms or 0.0, p99_ms or 0.0, first, last)
