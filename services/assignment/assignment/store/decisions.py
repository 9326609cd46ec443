"""Decisions and what they were made of, and the clocks that they start."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from assignment.domain.contact import CONTACT_TIMER, Timer
from assignment.domain.decisions import Cause, Decision, Outcome, RecordedDecision
from assignment.domain.routing import Grounds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg

    from assignment.domain.leads import LeadId, Owned, RepId
    from assignment.domain.routing import Router, Ruling

_COLUMNS = (
    "lead_id",
    "decision_no",
    "outcome",
    "cause",
    "assignee_id",
    "decided_at",
    "rule_id",
    "rules_version",
    "roster_version",
    "source_weight",
    "verdicts",
    "counts",
)
_TIMER_COLUMNS = ("lead_id", "kind", "assignment_no", "due_at")
_NO_RULE = (None,) * 6
_LIST = """
select decided_at, outcome, cause, assignee_id, rule_id, rules_version, roster_version, source_weight, verdicts, counts
from decisions where lead_id = $1 order by decision_no
"""
_OWNERS = """
select lead_id, assignee_id from decisions where lead_id = any($1::uuid[]) and assignee_id is not null
"""
# A timer that another transaction takes is about to find its lead withdrawn; to wait for it could be for ever.
_CANCEL = """
delete from timers using (
  select lead_id, kind, assignment_no from timers
  where lead_id = any($1::uuid[]) and fired_at is null for update skip locked
) as running
where timers.lead_id = running.lead_id and timers.kind = running.kind
  and timers.assignment_no = running.assignment_no
"""
_TAKE_DUE = f"""
update timers set fired_at = $1
from (
  select lead_id, assignment_no from timers
  where fired_at is null and due_at <= $1 and kind = '{CONTACT_TIMER}'
  order by due_at limit $2 for update skip locked
) as due
where timers.lead_id = due.lead_id and timers.assignment_no = due.assignment_no and timers.kind = '{CONTACT_TIMER}'
returning timers.lead_id, timers.assignment_no, timers.due_at
"""


async def add_decisions(
    raw: asyncpg.Connection, decisions: Sequence[Decision], *, router: Router, decided_at: datetime
) -> None:
    """Writes decisions made with a router's rules and roster."""
    await raw.copy_records_to_table(
        "decisions",
        columns=_COLUMNS,
        records=[
            (
                decision.lead_id,
                decision.decision_no,
                decision.outcome,
                decision.cause,
                decision.assignee_id,
                decided_at,
                *_grounds_columns(decision.ruling, router),
            )
            for decision in decisions
        ],
    )


async def list_decisions(raw: asyncpg.Connection, lead_id: LeadId) -> list[RecordedDecision]:
    """Every decision about a lead, oldest first."""
    owners: set[RepId] = set()
    decisions: list[RecordedDecision] = []
    for row in await raw.fetch(_LIST, lead_id):
        decisions.append(_recorded(row, frozenset(owners)))
        if row["assignee_id"] is not None:
            owners.add(row["assignee_id"])
    return decisions


async def owners_so_far(
    raw: asyncpg.Connection, lead_ids: Sequence[LeadId]
) -> dict[LeadId, set[RepId]]:
    """Everybody who has ever been given each lead."""
    owners: dict[LeadId, set[RepId]] = {lead_id: set() for lead_id in lead_ids}
    for lead_id, rep_id in await raw.fetch(_OWNERS, lead_ids):
        owners[lead_id].add(rep_id)
    return owners


async def start_timers(raw: asyncpg.Connection, owners: Mapping[LeadId, Owned]) -> None:
    """Starts the contact clock of each new owner."""
    await raw.copy_records_to_table(
        "timers",
        columns=_TIMER_COLUMNS,
        records=[
            (lead_id, CONTACT_TIMER, owned.assignment_no, owned.contact_due_at)
            for lead_id, owned in owners.items()
        ],
    )


async def take_due_timers(raw: asyncpg.Connection, *, now: datetime, limit: int) -> list[Timer]:
    """The timers that have run out, the most overdue ones first chosen; taken once, by one replica."""
    return [Timer(*row) for row in await raw.fetch(_TAKE_DUE, now, limit)]


async def cancel_timers(raw: asyncpg.Connection, lead_ids: Sequence[LeadId]) -> None:
    """Removes the running clocks of leads that concern nobody any longer."""
    await raw.execute(_CANCEL, lead_ids)


def _grounds_columns(ruling: Ruling | None, router: Router) -> tuple[object, ...]:
    if ruling is None:
        return _NO_RULE
    candidates = ruling.candidates
    return (
        candidates.rule.rule_id,
        router.rules.version,
        router.roster.version,
        ruling.weight,
        candidates.verdicts,
        _packed(ruling.counts),
    )


def _packed(counts: Sequence[int]) -> bytes:
    """Whole numbers below 2^32 in four bytes each, least significant first."""
    return struct.pack(f"<{len(counts)}I", *counts)


def _unpacked(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(packed) // 4}I", packed)


def _recorded(row: Any, owners_before: frozenset[RepId]) -> RecordedDecision:
    grounds = None
    if row["rule_id"] is not None:
        counts = _unpacked(row["counts"])
        grounds = Grounds(row["rule_id"], row["verdicts"], counts, owners_before)
    return RecordedDecision(
        decided_at=row["decided_at"],
        outcome=Outcome(row["outcome"]),
        cause=Cause(row["cause"]),
        assignee_id=row["assignee_id"],
        rules_version=row["rules_version"],
        roster_version=row["roster_version"],
        weight=row["source_weight"],
        grounds=grounds,
    )
