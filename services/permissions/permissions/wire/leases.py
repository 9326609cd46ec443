"""Protobuf to domain and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import OwnershipGranted
from servicekit.errors import InvalidMessage

from permissions import domain
from permissions.domain import LeadId, SubjectId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.assignment.v1.events_pb2 import LeadAssigned

    from permissions.queries import Verdict

SEQ_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """An assignment: what is decided about, and the event that brought it."""

    assignment: domain.Assignment
    event: LeadAssigned


def arrival(event: LeadAssigned) -> Arrival:
    """The assignment of an event; raises `InvalidMessage` when it names no lead, no assignee or no number."""
    if not event.assignee_id or not event.assignment_no:
        raise InvalidMessage("an assignment needs an assignee and a number")
    try:
        lead_id = LeadId(UUID(event.lead_id))
    except ValueError:
        raise InvalidMessage("lead_id is not a UUID") from None
    assignee_id = SubjectId(event.assignee_id)
    assignment = domain.Assignment(event.event_id, lead_id, assignee_id, event.assignment_no)
    return Arrival(assignment, event)


def ownership_granted(
    grant: domain.Grant, cause: LeadAssigned, *, occurred_at: Timestamp
) -> OwnershipGranted:
    """The event that states who owns a lead now."""
    return OwnershipGranted(
        occurred_at=occurred_at,
        lead_id=cause.lead_id,
        owner_id=grant.ownership.owner_id,
        previous_owner_id=grant.previous_owner_id,
        audit_seq=grant.ownership.audit_seq,
        channel=cause.channel,
        received_at=cause.received_at,
    )


def question(request: pb.CheckRequest) -> domain.Question:
    """What a request asks; raises `MalformedLeadId`."""
    try:
        lead_id = LeadId(UUID(request.lead_id))
    except ValueError:
        raise domain.MalformedLeadId from None
    return domain.Question(request.subject_id, request.action, lead_id)


def check_response(decision: domain.Decision) -> pb.CheckResponse:
    """A decision as an answer."""
    return pb.CheckResponse(
        allowed=decision.allowed, reason=decision.reason.value, audit_seq=decision.audit_seq
    )


def batch_check_response(decisions: Sequence[domain.Decision]) -> pb.BatchCheckResponse:
    """Decisions as an answer, in their order."""
    return pb.BatchCheckResponse(results=[check_response(decision) for decision in decisions])


def after_seq(request: pb.ListAuditEntriesRequest) -> int:
    """The number after which entries are asked for; above what the log can ever hold it is the largest."""
    return min(request.after_seq, SEQ_MAX)


def audit_entries_response(entries: Sequence[domain.AuditEntry]) -> pb.ListAuditEntriesResponse:
    """A page of the audit log as an answer."""
    response = pb.ListAuditEntriesResponse()
    for entry in entries:
        added = response.entries.add(seq=entry.seq, fact=entry.fact, hash=entry.hash)
        added.recorded_at.FromDatetime(entry.recorded_at)
    return response


def verdict_response(verdict: Verdict) -> pb.VerifyAuditResponse:
    """Whether the audit log is whole, as an answer."""
    return pb.VerifyAuditResponse(
        intact=not verdict.first_bad_seq,
        entry_count=verdict.entry_count,
        first_bad_seq=verdict.first_bad_seq,
    )
