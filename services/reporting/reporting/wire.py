"""Between protobuf and the domain; nothing is decided here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.notification.v1.events_pb2 import REMINDER_KIND_LEAD_ASSIGNED, ReminderKind
from leadchain.reporting.v1 import reporting_service_pb2 as pb
from leadchain.reporting.v1.events_pb2 import LedgerDiscrepancy
from leadchain.reporting.v1.privacy_events_pb2 import (
    SubjectErasedInReporting,
    SubjectExportedFromReporting,
)

from reporting.domain import Fact, Seal, Span, trace_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.assignment.v1 import events_pb2 as assignment
    from leadchain.intake.v1 import events_pb2 as intake
    from leadchain.notification.v1 import events_pb2 as notification
    from leadchain.permissions.v1.events_pb2 import AuditSealed, OwnershipGranted
    from servicekit.erasures import Erased, Part

    from reporting.domain import Cell, Entry, FunnelLine, Latency, Ledger, Line, Missing

MISSING_MAX = 1000
"""Missing leads that one answer names."""


def received(event: intake.LeadReceived, trace_id: str | None) -> Fact:
    """A lead was accepted and understood."""
    facts = event.facts
    said = (f"channel={facts.channel}", facts.region.city or facts.region.province, facts.industry)
    return Fact(
        event.lead_id,
        event.event_id,
        facts.channel,
        _us(facts.received_at),
        _us(event.occurred_at),
        " ".join(filter(None, said)),
        trace_id,
    )


def rejected(event: intake.LeadRejected, trace_id: str | None) -> Fact:
    """A lead was refused after acceptance."""
    return _fact(event, f"reason={event.reason}", trace_id)


def quarantined(event: intake.DeliveryQuarantined, trace_id: str | None) -> Fact:
    """An item could not be understood."""
    return _fact(event, f"reason={event.reason}", trace_id)


def assigned(event: assignment.LeadAssigned, trace_id: str | None) -> Fact:
    """A lead has an owner."""
    summary = f"assignee={event.assignee_id} assignment={event.assignment_no} rule={event.rule_id}"
    return _fact(event, summary, trace_id)


def unassignable(event: assignment.LeadUnassignable, trace_id: str | None) -> Fact:
    """Nobody can take a lead."""
    return _fact(event, f"refusals={event.refusal_count} rule={event.rule_id}", trace_id)


def merged(event: assignment.LeadMerged, trace_id: str | None) -> Fact:
    """A lead joined an open lead of the same customer."""
    return _fact(event, f"into={event.into_lead_id} assignee={event.assignee_id}", trace_id)


def withdrawn(event: assignment.LeadWithdrawn, trace_id: str | None) -> Fact:
    """A lead is closed, for its import was undone."""
    return _fact(event, f"import={event.import_id} assignee={event.assignee_id}", trace_id)


def contacted(event: assignment.LeadContacted, trace_id: str | None) -> Fact:
    """The owner made contact."""
    summary = f"rep={event.rep_id} response_time_ms={event.response_time_ms}"
    return _fact(event, summary, trace_id)


def overdue(event: assignment.ContactOverdue, trace_id: str | None) -> Fact:
    """The owner made no contact in time."""
    summary = (
        f"assignee={event.assignee_id} assignment={event.assignment_no} "
        f"next={event.next_assignee_id or 'nobody'}"
    )
    return _fact(event, summary, trace_id, number=event.assignment_no)


def granted(event: OwnershipGranted, trace_id: str | None) -> Fact:
    """The owner's rights are in force."""
    return _fact(event, f"owner={event.owner_id} audit_seq={event.audit_seq}", trace_id)


def seal(event: AuditSealed, *, received_at: datetime) -> Seal:
    """The audit log is sealed up to an entry."""
    return Seal(UUID(event.event_id), event.note, received_at)


def reminded(event: notification.ReminderDelivered, trace_id: str | None) -> Fact:
    """Somebody got a reminder; number 1 when it was the owner's."""
    summary = (
        f"recipient={event.recipient_id} kind={_kind(event.kind)} attempts={event.attempt_count}"
    )
    return _fact(event, summary, trace_id, number=int(event.kind == REMINDER_KIND_LEAD_ASSIGNED))


def not_reminded(event: notification.ReminderFailed, trace_id: str | None) -> Fact:
    """Nobody took a reminder; number 1 when it was the owner's."""
    summary = f"recipient={event.recipient_id} kind={_kind(event.kind)} reason={event.reason}"
    return _fact(event, summary, trace_id, number=int(event.kind == REMINDER_KIND_LEAD_ASSIGNED))


def subject_erased(request_id: str, erased: Erased) -> SubjectErasedInReporting:
    """The fact that everything personal of somebody's leads is gone from here."""
    return SubjectErasedInReporting(**erased.answer(request_id))


def subject_exported(request_id: str, part: Part) -> SubjectExportedFromReporting:
    """One part of what is kept here about somebody's leads."""
    return SubjectExportedFromReporting(**part.answer(request_id))


def discrepancy(missing: Missing) -> LedgerDiscrepancy:
    """The fact that a lead is missing somewhere."""
    event = LedgerDiscrepancy(
        lead_id=str(missing.lead_id),
        channel=missing.cell.channel,
        present_in=missing.present_in,
        missing_in=missing.missing_in,
    )
    event.hour.FromDatetime(missing.cell.hour)
    return event


def span(request: Any) -> Span:
    """The span that a request asks for."""
    return Span(time(request, "since"), time(request, "until"))


def hours(request: Any) -> Span:
    """The span that a request asks for, from the start of an hour on."""
    since = time(request, "since")
    start = since.replace(minute=0, second=0, microsecond=0) if since else None
    return Span(start, time(request, "until"))


def time(request: Any, field: str) -> datetime | None:
    """A time of a request; None when absent."""
    return getattr(request, field).ToDatetime(tzinfo=UTC) if request.HasField(field) else None


def ledger_response(ledger: Ledger) -> pb.GetLedgerResponse:
    """The ledger, its lines in order of hour and channel."""
    total = ledger.total()
    ordered = sorted(ledger.lines.items(), key=lambda item: (item[0].hour, item[0].channel))
    return pb.GetLedgerResponse(
        total=_line(total, None),
        lines=[_line(line, cell) for cell, line in ordered],
        missing=[_missing(missing) for missing in ledger.missing[:MISSING_MAX]],
        in_flight_count=total.in_flight,
        unreachable=ledger.unreachable,
    )


def funnel_response(
    lines: Sequence[FunnelLine], watermark: datetime | None
) -> pb.GetFunnelResponse:
    """The funnel and its newest fact."""
    response = pb.GetFunnelResponse(
        lines=[
            pb.FunnelLine(
                channel=line.channel,
                day=line.day,
                outcome=line.outcome,
                lead_count=line.lead_count,
                granted_count=line.granted_count,
                reminded_count=line.reminded_count,
                contacted_count=line.contacted_count,
            )
            for line in lines
        ]
    )
    if watermark is not None:
        response.watermark.FromDatetime(watermark)
    return response


def timeline_response(lead_id: UUID, entries: Sequence[Entry]) -> pb.GetLeadTimelineResponse:
    """One lead's story."""
    response = pb.GetLeadTimelineResponse(lead_id=str(lead_id), trace_id=trace_of(entries))
    for entry in entries:
        added = response.entries.add(event=entry.event, summary=entry.summary)
        added.occurred_at.FromDatetime(entry.occurred_at)
    return response


def latency_response(latency: Latency) -> pb.GetLatencyResponse:
    """Accept-to-reminded latency."""
    response = pb.GetLatencyResponse(
        lead_count=latency.lead_count, p50_ms=latency.p50_ms, p99_ms=latency.p99_ms
    )
    if latency.first_accepted_at is not None:
        response.first_accepted_at.FromDatetime(latency.first_accepted_at)
    if latency.last_reminded_at is not None:
        response.last_reminded_at.FromDatetime(latency.last_reminded_at)
    return response


def _fact(event: Any, summary: str, trace_id: str | None, *, number: int = 0) -> Fact:
    return Fact(
        event.lead_id,
        event.event_id,
        event.channel,
        _us(event.received_at),
        _us(event.occurred_at),
        summary,
        trace_id,
        number,
    )


def _us(stamp: Timestamp) -> int:
    return stamp.seconds * 1_000_000 + stamp.nanos // 1000


def _kind(kind: ReminderKind.ValueType) -> str:
    return ReminderKind.Name(kind).removeprefix("REMINDER_KIND_").lower()


def _line(line: Line, cell: Cell | None) -> pb.LedgerLine:
    message = pb.LedgerLine(
        channel=cell.channel if cell else "",
        accepted_count=line.accepted,
        assigned_count=line.assigned,
        waiting_count=line.waiting,
        merged_count=line.merged,
        rejected_count=line.rejected,
        quarantined_count=line.quarantined,
        missing_count=line.missing,
    )
    if cell is not None:
        message.hour.FromDatetime(cell.hour)
    return message


def _missing(missing: Missing) -> pb.MissingLead:
    return pb.MissingLead(
        lead_id=str(missing.lead_id),
        present_in=missing.present_in,
        missing_in=missing.missing_in,
    )
