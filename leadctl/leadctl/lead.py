"""`leadctl lead`: one lead's state, the reasons for its owner, its trace and its story."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads it from the signature
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape

from leadctl.installation import Targets, Token, services, spans_dir
from leadctl.presentation import (
    AsJson,
    as_dict,
    complain,
    moment,
    plain_table,
    present,
    print_json,
    run,
    screen,
)

if TYPE_CHECKING:
    from leadchain.assignment.v1.assignment_service_pb2 import (
        ExplainAssignmentResponse,
        GetAssignmentResponse,
    )
    from leadchain.intake.v1.intake_service_pb2 import GetLeadResponse
    from leadchain.notification.v1.notification_service_pb2 import ListRemindersResponse
    from leadchain.reporting.v1.reporting_service_pb2 import GetLeadTimelineResponse
    from rich.console import Console

    from leadctl.clients import Services

lead_app = typer.Typer(
    help="One lead: its state, its owner and why, its trace.", no_args_is_help=True
)

LeadId = Annotated[UUID, typer.Argument(help="UUID of the lead.")]


@lead_app.command()
def show(
    lead_id: LeadId, target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """What is known of a lead: what it said (masked), its owner and clock, its reminders."""
    lead, assignment, reminders = run(
        services(target, token_file), lambda known: _everything(known, str(lead_id))
    )
    if as_json:
        parts = {"lead": lead, "assignment": assignment, "reminders": reminders}
        print_json({name: as_dict(part) if part else None for name, part in parts.items()})
        return
    console = screen()
    _render_lead(console, lead)
    _render_assignment(console, assignment)
    _render_reminders(console, reminders)


@lead_app.command()
def explain(
    lead_id: LeadId, target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """Why the lead has its owner, or none: each decision with every rep passed over and why."""
    from leadctl.explanation import render_explanation

    answer = run(services(target, token_file), lambda known: explanation(known, str(lead_id)))
    present(answer, render_explanation, as_json=as_json)


@lead_app.command()
def trace(
    lead_id: LeadId,
    target: Targets = None,
    token_file: Token = None,
    spans: Annotated[
        Path | None, typer.Option(help="Folder of spans; else the local stack's.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The lead's way through the services as a tree of spans with their times."""
    from servicekit.telemetry import read_spans

    from leadctl.trace_tree import render_trace, span_rows

    trace_id = run(services(target, token_file), lambda known: trace_id_of(known, str(lead_id)))
    found = read_spans(spans_dir(spans), trace_id) if trace_id else []
    if not found:
        complain(f"lead {lead_id} was not traced" if not trace_id else f"no span of {trace_id}")
        raise typer.Exit(1)
    if as_json:
        print_json({"trace_id": trace_id, "spans": span_rows(found)})
    else:
        render_trace(screen(), trace_id, found)


@lead_app.command()
def timeline(
    lead_id: LeadId, target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """Everything that happened to the lead, in order."""
    answer = run(services(target, token_file), lambda known: _timeline(known, str(lead_id)))
    present(answer, _render_timeline, as_json=as_json)


async def explanation(known: Services, lead_id: str) -> ExplainAssignmentResponse:
    """Every decision about a lead; raises `NotAnswered`."""
    from leadchain.assignment.v1.assignment_service_pb2 import ExplainAssignmentRequest
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    with known.asking("assignment") as channel:
        request = ExplainAssignmentRequest(lead_id=lead_id)
        return await AssignmentServiceStub(channel).ExplainAssignment(request)


async def trace_id_of(known: Services, lead_id: str) -> str:
    """The W3C trace id of a lead, empty when it was not traced; raises `NotAnswered`."""
    return (await _lead(known, lead_id)).trace_id


async def _everything(
    known: Services, lead_id: str
) -> tuple[GetLeadResponse, GetAssignmentResponse | None, ListRemindersResponse]:
    lead = await _lead(known, lead_id)
    return lead, await _assignment(known, lead_id), await _reminders(known, lead_id)


async def _lead(known: Services, lead_id: str) -> GetLeadResponse:
    from leadchain.intake.v1.intake_service_pb2 import GetLeadRequest
    from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

    with known.asking("lead-intake") as channel:
        return await IntakeServiceStub(channel).GetLead(GetLeadRequest(lead_id=lead_id))


async def _assignment(known: Services, lead_id: str) -> GetAssignmentResponse | None:
    """None for a lead about which assignment has not decided: refused, quarantined or on its way."""
    from leadchain.assignment.v1.assignment_service_pb2 import GetAssignmentRequest
    from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub

    from leadctl.clients import NotAnswered

    try:
        with known.asking("assignment") as channel:
            request = GetAssignmentRequest(lead_id=lead_id)
            return await AssignmentServiceStub(channel).GetAssignment(request)
    except NotAnswered as refusal:
        if refusal.code == "NOT_FOUND":
            return None
        raise


async def _reminders(known: Services, lead_id: str) -> ListRemindersResponse:
    from leadchain.notification.v1.notification_service_pb2 import ListRemindersRequest
    from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

    with known.asking("notification") as channel:
        request = ListRemindersRequest(lead_id=lead_id)
        return await NotificationServiceStub(channel).ListReminders(request)


async def _timeline(known: Services, lead_id: str) -> GetLeadTimelineResponse:
    from leadchain.reporting.v1.reporting_service_pb2 import GetLeadTimelineRequest
    from leadchain.reporting.v1.reporting_service_pb2_grpc import ReportingServiceStub

    with known.asking("reporting") as channel:
        request = GetLeadTimelineRequest(lead_id=lead_id)
        return await ReportingServiceStub(channel).GetLeadTimeline(request)


def _render_lead(console: Console, lead: GetLeadResponse) -> None:
    facts = lead.facts
    rows: dict[str, Any] = {"lead": lead.lead_id, "state": _with_reason(lead)}
    if lead.HasField("facts"):
        place = " ".join(filter(None, (facts.region.province, facts.region.city)))
        rows |= {
            "channel": f"{facts.channel} ({facts.account})",
            "received": moment(facts.received_at),
            "place": place or "not said",
            "industry": facts.industry or "not said",
            "source": facts.source_kind,
            "phone": facts.phone_display or "none",
        }
    rows["trace"] = lead.trace_id or "not traced"
    for name, value in rows.items():
        console.print(f"{name:<10}{escape(str(value))}")


def _with_reason(lead: GetLeadResponse) -> str:
    return f"{lead.state}: {lead.reason}" if lead.reason else lead.state


def _render_assignment(console: Console, assignment: GetAssignmentResponse | None) -> None:
    if assignment is None:
        console.print(f"{'owner':<10}not decided")
        return
    owner = assignment.assignee_id or "nobody"
    console.print(
        f"{'owner':<10}{escape(owner)} ({assignment.state}, no. {assignment.assignment_no})"
    )
    console.print(f"{'due':<10}{moment(assignment.contact_due_at)}")
    console.print(f"{'contacted':<10}{moment(assignment.contacted_at)}")


def _render_reminders(console: Console, answer: ListRemindersResponse) -> None:
    from leadchain.notification.v1.events_pb2 import ReminderKind

    table = plain_table("reminder to", "kind", "state", "tries", "last try", "error")
    for reminder in answer.reminders:
        kind = ReminderKind.Name(reminder.kind).removeprefix("REMINDER_KIND_").lower()
        table.add_row(
            escape(reminder.recipient_id),
            kind,
            reminder.state,
            str(reminder.attempt_count),
            moment(reminder.last_attempt_at),
            escape(reminder.last_error),
        )
    if table.row_count:
        console.print(table)


def _render_timeline(console: Console, answer: GetLeadTimelineResponse) -> None:
    console.print(f"lead {answer.lead_id}, trace {answer.trace_id or '-'}")
    table = plain_table("when", "event", "gist")
    for entry in answer.entries:
        table.add_row(moment(entry.occurred_at), entry.event, escape(entry.summary))
    console.print(table)
