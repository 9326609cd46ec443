"""Facts about leads as rows: one a lead, one an event, and the discrepancies that were reported.

Every statement about leads takes a whole batch, writes the columns of its own event only, and joins them with what is
there by least, greatest or bitwise or: events that come twice, late or in another order leave the same row. Rows are
locked in order of lead id, so that consumers do not deadlock. Beside them is what the audit log's witness has seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accesskit.witness import Seen

from reporting.domain import Entry, FunnelLine, Latency, Seal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from reporting.domain import Fact, Missing


_JOINS = {
    "LeadReceived": (("understood_at", "min", "least"),),
    "LeadRejected": (("rejected_at", "min", "least"),),
    "DeliveryQuarantined": (("quarantined_at", "max", "greatest"),),
    "LeadAssigned": (("assigned_at", "min", "least"), ("last_assigned_at", "max", "greatest")),
    "LeadUnassignable": (("unassignable_at", "max", "greatest"),),
    "LeadMerged": (("merged_at", "min", "least"),),
    "LeadWithdrawn": (("withdrawn_at", "min", "least"),),
    "LeadContacted": (("contacted_at", "min", "least"),),
    "OwnershipGranted": (("granted_at", "min", "least"),),
    "ReminderDelivered": (("reminded_at", "min", "least"),),
    "ReminderFailed": (("reminder_failed_at", "max", "greatest"),),
}
"""For each event: its columns, how a batch is joined, and how the batch is joined with the row."""


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
_REMEMBER = """
insert into ledger_discrepancies (lead_id, present_in, missing_in, channel, hour, found_at)
select t.*, $6 from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) as t
order by 1, 2, 3 on conflict do nothing returning lead_id, present_in, missing_in
"""
_KEEP_SEAL = "insert into audit_seals (event_id, note, received_at) values ($1, $2, $3) on conflict do nothing"
_SEALS = """
select event_id, note, received_at from audit_seals where is_proved = $1 order by event_id limit $2
"""
_MARK_PROVED = "update audit_seals set is_proved = true where event_id = $1"
_DROP_SEAL = "delete from audit_seals where event_id = $1 and is_proved = $2"
_GIVE_UP = """
with given_up as (delete from audit_seals where is_proved and received_at < $1 returning 1)
select count(*) from given_up
"""
_LAST = "select origin, size, root, note, public_key from last_checkpoints where followed = $1"
_REMEMBER_FIRST = """
insert into last_checkpoints (followed, origin, size, root, note, public_key, proved_at)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning true
"""
_REMEMBER_NEXT = """
update last_checkpoints set origin = $2, size = $3, root = $4, note = $5, public_key = $6, proved_at = $7
where followed = $1 and size = $8 and root = $9 returning true
"""
_REFUSE = """
with done as (delete from audit_seals where event_id = $1)
insert into refused_checkpoints (event_id, reason, note, seen_note, refused_at)
select $1, $2, $3, $4, $5 where (select count(*) from refused_checkpoints) < $6
on conflict do nothing
"""
FOLLOWED = "permissions"
REFUSED_KEPT_MAX = 1000


async def record(raw: asyncpg.Connection, event: str, facts: Sequence[Fact]) -> None:
    """Writes what one kind of event said, in one statement for all of them."""
    await raw.execute(_RECORD[event], *zip(*facts, strict=True), event)


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


async def remember_missing(
    raw: asyncpg.Connection, missing: Sequence[Missing], *, now: datetime
) -> list[Missing]:
    """Remembers discrepancies; returns those that were not known before."""
    columns: Any = zip(
        *((m.lead_id, m.present_in, m.missing_in, m.cell.channel, m.cell.hour) for m in missing),
        strict=True,
    )
    fresh = {tuple(row) for row in await raw.fetch(_REMEMBER, *columns, now)}
    return [m for m in missing if (m.lead_id, m.present_in, m.missing_in) in fresh]


async def keep_seal(raw: asyncpg.Connection, seal: Seal) -> None:
    """Keeps a checkpoint to be proved; again is no effect."""
    await raw.execute(_KEEP_SEAL, seal.event_id, seal.note, seal.received_at)


async def seals(raw: asyncpg.Connection, *, is_proved: bool, limit: int) -> list[Seal]:
    """Checkpoints that are to be proved, or to be co-signed; oldest first, at most `limit`."""
    return [Seal(*row) for row in await raw.fetch(_SEALS, is_proved, limit)]


async def mark_proved(raw: asyncpg.Connection, event_id: UUID) -> None:
    """The checkpoint is good, and remains to be co-signed."""
    await raw.execute(_MARK_PROVED, event_id)


async def drop_seal(raw: asyncpg.Connection, event_id: UUID, *, is_proved: bool) -> None:
    """Nothing remains to be done about a checkpoint, unless another process has brought it on meanwhile."""
    await raw.execute(_DROP_SEAL, event_id, is_proved)


async def give_up_before(raw: asyncpg.Connection, before: datetime) -> int:
    """Drops what was proved and could not be co-signed since then; says how much that was."""
    return int(await raw.fetchval(_GIVE_UP, before))


async def last_checkpoint(raw: asyncpg.Connection) -> tuple[Seen | None, bytes | None]:
    """What was seen last of permissions' log, and the key that was trusted then."""
    row = await raw.fetchrow(_LAST, FOLLOWED)
    return (Seen(*row[:4]), row[4]) if row else (None, None)


async def remember(
    raw: asyncpg.Connection,
    seen: Seen,
    public_key: bytes | None,
    *,
    before: Seen | None,
    now: datetime,
) -> bool:
    """Remembers a checkpoint in the place of the one before; False when another process has moved on meanwhile."""
    row = (FOLLOWED, seen.origin, seen.size, seen.root, seen.note, public_key, now)
    if before is None:
        return bool(await raw.fetchval(_REMEMBER_FIRST, *row))
    return bool(await raw.fetchval(_REMEMBER_NEXT, *row, before.size, before.root))


async def keep_refused(
    raw: asyncpg.Connection, seal: Seal, reason: str, *, seen: Seen | None, now: datetime
) -> None:
    """Keeps a checkpoint as evidence, of which there are 1,000 pieces at most."""
    seen_note = seen.note if seen else None
    await raw.execute(_REFUSE, seal.event_id, reason, seal.note, seen_note, now, REFUSED_KEPT_MAX)


async def refused_count(raw: asyncpg.Connection) -> int:
    """How many pieces of evidence wait for somebody to look at them."""
    return int(await raw.fetchval("select count(*) from refused_checkpoints"))
