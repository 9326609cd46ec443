"""Clocks that run: each is a row beside its lead, and is taken once, by one replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.clocks import Timer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from assignment.domain.leads import LeadId

_COLUMNS = (
    "lead_id",
    "kind",
    "assignment_no",
    "started_at",
    "due_at",
    "calendar",
    "roster_version",
)
# A timer that another transaction takes is about to find its lead withdrawn; to wait for it could be for ever.
_CANCEL = """
delete from timers using (
  select lead_id, kind, assignment_no from timers
  where lead_id = any($1::uuid[]) and fired_at is null for update skip locked
) as running
where timers.lead_id = running.lead_id and timers.kind = running.kind
  and timers.assignment_no = running.assignment_no
"""
_FORGET = "delete from timers where lead_id = $1"
_RESTART = """
update timers set due_at = t.due_at, fired_at = null
from unnest($2::uuid[], $3::int4[], $4::timestamptz[]) as t (lead_id, assignment_no, due_at)
where timers.lead_id = t.lead_id and timers.assignment_no = t.assignment_no and timers.kind = $1
"""
# By place: a join would read the whole table, whose running part is all that is ever asked for.
_TAKE_DUE = """
update timers set fired_at = $1
where ctid = any(array(
  select ctid from timers
  where fired_at is null and due_at <= $1 and kind = $3
  order by due_at limit $2 for update skip locked
))
returning lead_id, assignment_no, coalesce(started_at, due_at), due_at, calendar, roster_version
"""


async def start(raw: asyncpg.Connection, kind: str, timers: Sequence[Timer]) -> None:
    """Starts clocks of a kind."""
    if not timers:
        return
    await raw.copy_records_to_table(
        "timers",
        columns=_COLUMNS,
        records=[
            (
                timer.lead_id,
                kind,
                timer.assignment_no,
                timer.started_at,
                timer.due_at,
                timer.calendar,
                timer.roster_version,
            )
            for timer in timers
        ],
    )


async def restart(raw: asyncpg.Connection, kind: str, timers: Sequence[Timer]) -> None:
    """Lets clocks of a kind that were taken run again, each until it is due now."""
    await raw.execute(
        _RESTART,
        kind,
        [timer.lead_id for timer in timers],
        [timer.assignment_no for timer in timers],
        [timer.due_at for timer in timers],
    )


async def take_due(raw: asyncpg.Connection, kind: str, *, now: datetime, limit: int) -> list[Timer]:
    """The clocks of a kind that have run out, the most overdue ones first chosen."""
    return [Timer(*row) for row in await raw.fetch(_TAKE_DUE, now, limit, kind)]


async def cancel(raw: asyncpg.Connection, lead_ids: Sequence[LeadId]) -> None:
    """Removes the running clocks of leads that concern nobody any longer."""
    await raw.execute(_CANCEL, lead_ids)


async def forget(raw: asyncpg.Connection, lead_id: LeadId) -> None:
    """Removes every clock of a lead whose owners are counted from 1 again."""
    await raw.execute(_FORGET, lead_id)
