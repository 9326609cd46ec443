"""Prints what the demonstration has shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.telemetry import read_spans

from leadctl.demo.deliveries import Kind
from leadctl.demo.performance import item_of
from leadctl.explanation import render_explanation
from leadctl.lead import explanation, trace_id_of
from leadctl.ledger import render_latency, render_ledger
from leadctl.reps import render_reps
from leadctl.trace_tree import render_trace

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from leadctl.clients import Services
    from leadctl.demo.deliveries import Plan
    from leadctl.demo.performance import Outcome


async def print_report(
    console: Console, known: Services, spans: Path, plan: Plan, outcome: Outcome
) -> None:
    """The ledger, leads per rep, the lead that nobody covers, one lead's trace, and the figures."""
    _title(console, "The ledger")
    render_ledger(console, outcome.books.ledger)
    _title(console, "Leads per rep")
    render_reps(console, outcome.reps)
    await _print_uncovered(console, known, plan, outcome)
    await _print_trace(console, known, spans, plan, outcome)
    _title(console, "Figures")
    _print_figures(console, plan, outcome)


async def _print_uncovered(console: Console, known: Services, plan: Plan, outcome: Outcome) -> None:
    lead_id = item_of(Kind.UNCOVERED, plan, outcome.receipts)
    if lead_id:
        _title(console, f"Why nobody has this lead: leadctl lead explain {lead_id}")
        render_explanation(console, await explanation(known, lead_id))


async def _print_trace(
    console: Console, known: Services, spans: Path, plan: Plan, outcome: Outcome
) -> None:
    lead_id = item_of(Kind.NEW, plan, outcome.receipts)
    trace_id = await trace_id_of(known, lead_id) if lead_id else ""
    found = read_spans(spans, trace_id) if trace_id else []
    if found:
        _title(console, f"The way of one lead: leadctl lead trace {lead_id}")
        render_trace(console, trace_id, found)
    for reminder in outcome.reminders_of_one:
        console.print(
            f"reminder to {reminder['recipient_id']}: {reminder['text_zh']}", markup=False
        )


def _print_figures(console: Console, plan: Plan, outcome: Outcome) -> None:
    counts, team, sink = plan.counts(), outcome.team, outcome.sink
    console.print(
        f"deliveries: {len(plan.deliveries)}, of them {counts[Kind.REPEATED]} repeated and"
        f" {counts[Kind.BAD_SIGNATURE]} with a bad signature"
    )
    console.print(f"accept rate: {outcome.accepts_per_s:.0f} durable deliveries/s, as paced")
    render_latency(console, outcome.latency)
    console.print(
        f"reminders: {sink['reminders']} in {sink['webhooks']} webhooks, {team.manager_notices} of"
        f" them notices to managers; {team.contacted} customers contacted,"
        f" {len(team.handed_on)} leads handed on because their owner let the clock run out",
        soft_wrap=True,
    )


def _title(console: Console, text: str) -> None:
    console.print()
    console.print(text, style="bold", markup=False)
