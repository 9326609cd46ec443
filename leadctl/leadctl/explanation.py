"""Shows why a lead was given to whom: each decision with its inputs, its rule and every rep passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.assignment.v1.events_pb2 import AssignmentCause, RefusalReason
from rich.markup import escape
from rich.padding import Padding

from leadctl.presentation import moment, plain_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leadchain.assignment.v1.assignment_service_pb2 import (
        Decision,
        ExplainAssignmentResponse,
        Standing,
    )
    from leadchain.assignment.v1.events_pb2 import Refusal
    from rich.console import Console


def render_explanation(console: Console, answer: ExplainAssignmentResponse) -> None:
    """Every decision about the lead, oldest first."""
    console.print(f"lead {answer.lead_id}")
    for number, decision in enumerate(answer.decisions, start=1):
        console.print()
        _render_decision(console, number, decision)


def _render_decision(console: Console, number: int, decision: Decision) -> None:
    whom = f" to [bold]{escape(decision.assignee_id)}[/]" if decision.assignee_id else ""
    cause = AssignmentCause.Name(decision.cause).removeprefix("ASSIGNMENT_CAUSE_")
    console.print(
        f"{number}. {moment(decision.decided_at)}  [bold]{decision.outcome}[/]{whom}"
        f"  because: {_words(cause)}"
    )
    if decision.rule_id:
        fell_back = f", fell back to {escape(decision.pool_id)}" if decision.pool_id else ""
        console.print(
            f"   rule      {escape(decision.rule_id)}, version {decision.rules_version}{fell_back}"
            f"  score {decision.score:g}"
        )
    console.print(f"   inputs    {escape('  '.join(decision.inputs)) or '-'}")
    if decision.tie_breaker:
        console.print(f"   equals by {_words(decision.tie_breaker)}")
    if decision.standings:
        console.print(f"   standings {escape(_listed(decision.standings))}")
    _render_refusals(console, decision.refusals)


def _render_refusals(console: Console, refusals: Iterable[Refusal]) -> None:
    table = plain_table("passed over", "reason", "detail")
    for refusal in refusals:
        reason = RefusalReason.Name(refusal.reason).removeprefix("REFUSAL_REASON_")
        table.add_row(escape(refusal.rep_id), _words(reason), escape(refusal.detail))
    if table.row_count:
        console.print(Padding(table, (0, 0, 0, 3)))


def _listed(standings: Iterable[Standing]) -> str:
    return "  ".join(
        f"{standing.rep_id} {standing.share:g} (turns {_turns(standing)}, {standing.open_count} open)"
        for standing in standings
    )


def _turns(standing: Standing) -> str:
    """The turns before, and after where this one was taken."""
    before, after = standing.turns_before, standing.turns_after
    return str(before) if before == after else f"{before} -> {after}"


def _words(constant: str) -> str:
    return constant.lower().replace("_", " ")
