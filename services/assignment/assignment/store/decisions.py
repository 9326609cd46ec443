"""Decisions and what they were made of."""

from __future__ import annotations

import struct
import sys
from array import array
from typing import TYPE_CHECKING, Any

from assignment.domain.decisions import Cause, Decision, Outcome, RecordedDecision, StepTaken
from assignment.domain.routing import Assigned
from assignment.domain.rules import TieBreaker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from assignment.domain.candidates import Router
    from assignment.domain.leads import LeadId, RepId
    from assignment.domain.routing import Ruling, Step

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
    "score",
    "tie_breaker",
    "pool_id",
)
_STEP_COLUMNS = ("lead_id", "decision_no", "step_no", "rule_id", "verdicts", "counts")
_NO_RULE = (None,) * 9
_LIST = """
select decision_no, decided_at, outcome, cause, assignee_id, rule_id, rules_version, roster_version, source_weight,
  verdicts, counts, score, tie_breaker, pool_id
from decisions where lead_id = $1 order by decision_no
"""
_STEPS = """
select decision_no, rule_id, verdicts, counts from decision_steps where lead_id = $1 order by decision_no, step_no
"""
_OWNERS = """
select lead_id, assignee_id from decisions where lead_id = any($1::uuid[]) and assignee_id is not null
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
    steps = [step for decision in decisions for step in _step_records(decision)]
    if steps:
        await raw.copy_records_to_table("decision_steps", columns=_STEP_COLUMNS, records=steps)


async def list_decisions(raw: asyncpg.Connection, lead_id: LeadId) -> list[RecordedDecision]:
    """Every decision about a lead, oldest first."""
    later: dict[int, list[StepTaken]] = {}
    for row in await raw.fetch(_STEPS, lead_id):
        later.setdefault(row["decision_no"], []).append(_step(row))
    owners: set[RepId] = set()
    decisions: list[RecordedDecision] = []
    for row in await raw.fetch(_LIST, lead_id):
        steps = () if row["rule_id"] is None else (_step(row), *later.get(row["decision_no"], ()))
        decisions.append(_recorded(row, steps, frozenset(owners)))
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


def _grounds_columns(ruling: Ruling | None, router: Router) -> tuple[object, ...]:
    if ruling is None:
        return _NO_RULE
    first = ruling.steps[0]
    assigned = ruling if isinstance(ruling, Assigned) else None
    return (
        first.rule_id,
        router.rules.version,
        router.roster.version,
        ruling.subject.weight,
        first.candidates.verdicts,
        _packed(first.counts),
        ruling.subject.score,
        assigned and assigned.tie_breaker,
        (assigned and assigned.pool_id) or None,
    )


def _step_records(decision: Decision) -> list[tuple[object, ...]]:
    """The pools that a decision fell back to."""
    later: tuple[Step, ...] = decision.ruling.steps[1:] if decision.ruling else ()
    return [
        (
            decision.lead_id,
            decision.decision_no,
            number,
            step.rule_id,
            step.candidates.verdicts,
            _packed(step.counts),
        )
        for number, step in enumerate(later, start=2)
    ]


def _packed(counts: Sequence[int]) -> bytes:
    """Whole numbers below 2^32 in four bytes each, least significant first."""
    numbers = array("I", counts)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _unpacked(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(packed) // 4}I", packed)


def _step(row: Any) -> StepTaken:
    return StepTaken(row["rule_id"], row["verdicts"], _unpacked(row["counts"]))


def _recorded(
    row: Any, steps: tuple[StepTaken, ...], owners_before: frozenset[RepId]
) -> RecordedDecision:
    return RecordedDecision(
        decided_at=row["decided_at"],
        outcome=Outcome(row["outcome"]),
        cause=Cause(row["cause"]),
        assignee_id=row["assignee_id"],
        rules_version=row["rules_version"],
        roster_version=row["roster_version"],
        weight=row["source_weight"],
        steps=steps,
        owners_before=owners_before,
        score=row["score"],
        tie_breaker=TieBreaker(row["tie_breaker"] or 0),
        pool_id=row["pool_id"] or "",
    )
