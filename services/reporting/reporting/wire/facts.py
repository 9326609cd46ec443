"""What each event says about its lead, in a line that names no customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1.follow_up_events_pb2 import EvidenceKind
from leadchain.notification.v1.events_pb2 import REMINDER_KIND_LEAD_ASSIGNED, ReminderKind

from reporting.domain.leads import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.assignment.v1 import clock_events_pb2 as clocks
    from leadchain.assignment.v1 import events_pb2 as assignment
    from leadchain.assignment.v1.pool_events_pb2 import LeadClaimed, LeadPooled
    from leadchain.engagement.v1.follow_up_events_pb2 import (
        FollowUpBecameEffective,
        FollowUpRecorded,
    )
    from leadchain.intake.v1 import events_pb2 as intake
    from leadchain.notification.v1 import events_pb2 as notification
    from leadchain.permissions.v1.events_pb2 import OwnershipGranted


def received(event: intake.LeadReceived, trace_id: str | None) -> Fact:
    """A lead was accepted and understood."""
    facts = event.facts
    said = (f"channel={facts.channel}", facts.region.city or facts.region.province, facts.industry)
    return Fact(
        event.lead_id,
        event.event_id,
        facts.channel,
        microseconds(facts.received_at),
        microseconds(event.occurred_at),
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


def declined(event: assignment.LeadDeclined, trace_id: str | None) -> Fact:
    """The owner gave the lead back."""
    summary = (
        f"rep={event.rep_id} assignment={event.assignment_no} reason={event.reason} "
        f"next={event.next_assignee_id}"
    )
    return _fact(event, summary, trace_id)


def late(event: clocks.FollowUpBecameYellow | clocks.FollowUpOverdue, trace_id: str | None) -> Fact:
    """The owner has done nothing that counts for 48 or 72 hours."""
    summary = f"owner={event.owner_id} assignment={event.assignment_no} calendar={event.calendar}"
    return _fact(event, summary, trace_id)


def review_required(event: clocks.ReviewRequired, trace_id: str | None) -> Fact:
    """The owner must say why."""
    summary = f"owner={event.owner_id} assignment={event.assignment_no}"
    return _fact(event, summary, trace_id)


def pooled(event: LeadPooled, trace_id: str | None) -> Fact:
    """The lead is in the public pool."""
    return _fact(event, f"from={event.previous_owner_id} reason={event.reason}", trace_id)


def claimed(event: LeadClaimed, trace_id: str | None) -> Fact:
    """A rep took the lead out of the public pool."""
    return _fact(event, f"rep={event.rep_id} from={event.previous_owner_id}", trace_id)


def followed_up(event: FollowUpRecorded, trace_id: str | None) -> Fact:
    """Something was done about the lead."""
    said = (f"author={event.author_id}", "contact" * event.is_contact, _evidence(event.evidence))
    return _fact(event, " ".join(filter(None, said)), trace_id)


def effective(event: FollowUpBecameEffective, trace_id: str | None) -> Fact:
    """What was done counts."""
    said = (f"author={event.author_id}", _evidence(event.counted))
    return _fact(event, " ".join(filter(None, said)), trace_id)


def granted(event: OwnershipGranted, trace_id: str | None) -> Fact:
    """The owner's rights are in force."""
    return _fact(event, f"owner={event.owner_id} audit_seq={event.audit_seq}", trace_id)


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


def _fact(event: Any, summary: str, trace_id: str | None, *, number: int = 0) -> Fact:
    return Fact(
        event.lead_id,
        event.event_id,
        event.channel,
        microseconds(event.received_at),
        microseconds(event.occurred_at),
        summary,
        trace_id,
        number,
    )


def microseconds(stamp: Timestamp) -> int:
    """A time as microseconds of Unix time."""
    return stamp.seconds * 1_000_000 + stamp.nanos // 1000


def _evidence(kinds: Iterable[EvidenceKind.ValueType]) -> str:
    names = [EvidenceKind.Name(kind).removeprefix("EVIDENCE_KIND_").lower() for kind in kinds]
    return f"evidence={','.join(names)}" if names else ""


def _kind(kind: ReminderKind.ValueType) -> str:
    return ReminderKind.Name(kind).removeprefix("REMINDER_KIND_").lower()
