"""Protobuf to domain and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.assignment.v1 import assignment_service_pb2 as rpc_pb
from leadchain.assignment.v1 import events_pb2 as pb
from leadchain.assignment.v1.privacy_events_pb2 import (
    SubjectErasedInAssignment,
    SubjectExportedFromAssignment,
)
from leadchain.intake.v1 import events_pb2 as intake_pb
from servicekit.errors import Invalid, InvalidMessage

from assignment.domain.decisions import Outcome
from assignment.domain.leads import (
    Lead,
    LeadId,
    Merged,
    Owned,
    Precision,
    Profile,
    RepId,
    Withdrawn,
)
from assignment.domain.reps import Rep, RepLoad
from assignment.domain.routing import region_display

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leadchain.identity.v1.customer_events_pb2 import CustomerSplit
    from leadchain.identity.v1.events_pb2 import LeadIdentified
    from leadchain.intake.v1.events_pb2 import Region
    from leadchain.intake.v1.import_events_pb2 import LeadsWithdrawn
    from leadchain.permissions.v1.events_pb2 import SessionsRevoked
    from servicekit.erasures import Erased, Part

    from assignment.domain.contact import Timer
    from assignment.domain.decisions import Cause, Explanation
    from assignment.domain.leads import Assignment, OpenLead
    from assignment.domain.routing import Refusal, Ruling, Standing

REFUSALS_MAX = 200
OFFBOARDED = "offboarded"

_OUTCOMES = {
    Outcome.ASSIGNED: "assigned",
    Outcome.UNASSIGNABLE: "unassignable",
    Outcome.MERGED: "merged",
    Outcome.KEPT: "kept",
    Outcome.WITHDRAWN: "withdrawn",
}


def lead(event: LeadIdentified, traceparent: str | None) -> Lead:
    """The lead that was identified; raises `InvalidMessage` when it has no usable id or customer."""
    facts = event.facts
    try:
        lead_id = LeadId(UUID(event.lead_id))
    except ValueError:
        raise InvalidMessage("lead_id is no UUID") from None
    if not event.golden_id:
        raise InvalidMessage("golden_id is empty")
    return Lead(
        lead_id=lead_id,
        golden_id=event.golden_id,
        channel=facts.channel,
        received_at=facts.received_at.ToDatetime(tzinfo=UTC),
        profile=_profile(facts.region, facts.industry, facts.source_kind),
        first_action=facts.first_action,
        phone_display=facts.phone_display,
        traceparent=traceparent,
    )


def lead_assigned(
    lead: Lead, owned: Owned, ruling: Ruling, *, cause: Cause, previous: RepId | None, version: int
) -> pb.LeadAssigned:
    """The fact that a lead has an owner; `version` is that of the rules."""
    event = pb.LeadAssigned(
        lead_id=str(lead.lead_id),
        golden_id=lead.golden_id,
        assignee_id=owned.assignee_id,
        previous_assignee_id=previous or "",
        assignment_no=owned.assignment_no,
        cause=pb.AssignmentCause.ValueType(cause),
        rule_id=ruling.candidates.rule.rule_id,
        rules_version=version,
        channel=lead.channel,
        region_display=region_display(lead.profile),
        industry=lead.profile.industry,
        phone_display=lead.phone_display,
        first_action=lead.first_action,
    )
    event.contact_due_at.FromDatetime(owned.contact_due_at)
    event.received_at.FromDatetime(lead.received_at)
    return event


def lead_unassignable(
    lead: Lead, ruling: Ruling, refusals: Sequence[Refusal], *, refusal_count: int, version: int
) -> pb.LeadUnassignable:
    """The fact that nobody can take a lead; `refusals` are the nearest of `refusal_count`."""
    event = pb.LeadUnassignable(
        lead_id=str(lead.lead_id),
        golden_id=lead.golden_id,
        channel=lead.channel,
        rule_id=ruling.candidates.rule.rule_id,
        rules_version=version,
        refusals=_refusals(refusals),
        refusal_count=refusal_count,
    )
    event.received_at.FromDatetime(lead.received_at)
    return event


def parts(event: CustomerSplit) -> dict[str, list[UUID]]:
    """The customers who left another, each with their leads; raises `InvalidMessage` for an id that is none."""
    try:
        return {
            part.golden_id: [UUID(lead_id) for lead_id in part.lead_ids] for part in event.parts
        }
    except ValueError:
        raise InvalidMessage("a lead_id is not a UUID") from None


def lead_merged(lead: Lead, into: OpenLead) -> pb.LeadMerged:
    """The fact that a lead has joined another."""
    event = pb.LeadMerged(
        lead_id=str(lead.lead_id),
        into_lead_id=str(into.lead_id),
        golden_id=lead.golden_id,
        assignee_id=into.assignee_id or "",
        channel=lead.channel,
    )
    event.received_at.FromDatetime(lead.received_at)
    return event


def lead_withdrawn(lead: Lead, import_id: UUID, *, assignee: RepId | None) -> pb.LeadWithdrawn:
    """The fact that a lead is closed, for its import was undone; `assignee` had it until now."""
    event = pb.LeadWithdrawn(
        lead_id=str(lead.lead_id),
        import_id=str(import_id),
        assignee_id=assignee or "",
        channel=lead.channel,
    )
    event.received_at.FromDatetime(lead.received_at)
    return event


def lead_contacted(lead: Lead, rep_id: RepId, *, response_time_ms: int) -> pb.LeadContacted:
    """The fact that the owner made contact."""
    event = pb.LeadContacted(
        lead_id=str(lead.lead_id),
        rep_id=rep_id,
        response_time_ms=response_time_ms,
        channel=lead.channel,
    )
    event.received_at.FromDatetime(lead.received_at)
    return event


def contact_overdue(
    lead: Lead, owned: Owned, *, timer: Timer, manager_id: str, next_assignee: RepId | None
) -> pb.ContactOverdue:
    """The fact that `owned`, the assignment that ran out, saw no contact in time."""
    event = pb.ContactOverdue(
        lead_id=str(lead.lead_id),
        assignee_id=owned.assignee_id,
        manager_id=manager_id,
        assignment_no=owned.assignment_no,
        next_assignee_id=next_assignee or "",
        channel=lead.channel,
    )
    event.due_at.FromDatetime(timer.due_at)
    event.received_at.FromDatetime(lead.received_at)
    return event


def lead_id(text: str) -> LeadId:
    """A lead's id as a caller wrote it; raises `Invalid`."""
    try:
        return LeadId(UUID(text))
    except ValueError:
        raise Invalid("lead_id is no UUID") from None


def marked(request: rpc_pb.MarkContactedRequest) -> tuple[LeadId, RepId]:
    """The lead that was contacted, and the rep who says so; raises `Invalid`."""
    return lead_id(request.lead_id), RepId(request.rep_id)


def departed(event: SessionsRevoked) -> list[RepId]:
    """Who has left for good, if the event says so of anybody; raises `InvalidMessage` when it names nobody."""
    if not event.principal_id:
        raise InvalidMessage("nobody is named")
    return [RepId(event.principal_id)] if event.reason == OFFBOARDED else []


def taken_back(event: LeadsWithdrawn) -> dict[LeadId, UUID]:
    """The leads of an undone import, each with the import; raises `InvalidMessage`."""
    try:
        import_id = UUID(event.import_id)
        return dict.fromkeys((LeadId(UUID(each)) for each in event.lead_ids), import_id)
    except ValueError:
        raise InvalidMessage("an import or a lead is no UUID") from None


def reps(request: rpc_pb.PutRepsRequest) -> list[Rep]:
    """The reps that a caller describes."""
    return [_rep(rep) for rep in request.reps]


def put_reps_response(*, changed_count: int, drained_count: int) -> rpc_pb.PutRepsResponse:
    """What the description changed."""
    return rpc_pb.PutRepsResponse(changed_count=changed_count, drained_count=drained_count)


def list_reps_response(loads: Iterable[RepLoad]) -> rpc_pb.ListRepsResponse:
    """Every rep with what they have to do."""
    return rpc_pb.ListRepsResponse(reps=[_rep_load(load) for load in loads])


def assignment_response(assignment: Assignment) -> rpc_pb.GetAssignmentResponse:
    """A lead's owner and clock."""
    owned = assignment.owned
    response = rpc_pb.GetAssignmentResponse(
        lead_id=str(assignment.lead_id), state=_state_of(assignment)
    )
    if owned is not None:
        response.assignee_id = owned.assignee_id
        response.assignment_no = owned.assignment_no
        response.contact_due_at.FromDatetime(owned.contact_due_at)
        if owned.contacted_at is not None:
            response.contacted_at.FromDatetime(owned.contacted_at)
    return response


_WITHIN_CITY = frozenset({intake_pb.REGION_PRECISION_DISTRICT, intake_pb.REGION_PRECISION_ZONE})


def explanation_response(
    lead_id: LeadId, explanations: Iterable[Explanation]
) -> rpc_pb.ExplainAssignmentResponse:
    """Every decision about a lead with what it was made of."""
    return rpc_pb.ExplainAssignmentResponse(
        lead_id=str(lead_id), decisions=[_decision(each) for each in explanations]
    )


def contacted_response(contacted_at: datetime) -> rpc_pb.MarkContactedResponse:
    """When contact was first marked."""
    response = rpc_pb.MarkContactedResponse()
    response.contacted_at.FromDatetime(contacted_at)
    return response


def subject_erased(request_id: str, erased: Erased) -> SubjectErasedInAssignment:
    """The fact that everything personal of somebody's leads is gone from here."""
    return SubjectErasedInAssignment(**erased.answer(request_id))


def subject_exported(request_id: str, part: Part) -> SubjectExportedFromAssignment:
    """One part of what is kept here about somebody's leads."""
    return SubjectExportedFromAssignment(**part.answer(request_id))


def _profile(region: Region, industry: str, source_kind: str) -> Profile:
    """Routing knows cities, not what is within them; a place that is only a hint of the phone's is no place said."""
    if region.is_hint:
        return Profile("", "", Precision.UNKNOWN, industry, source_kind)
    within_city = region.precision in _WITHIN_CITY
    precision = Precision.CITY if within_city else Precision(region.precision)
    if precision is Precision.UNKNOWN and region.province:
        precision = Precision.CITY if region.city else Precision.PROVINCE
    return Profile(region.province, region.city, precision, industry, source_kind)


def _rep(rep: rpc_pb.Rep) -> Rep:
    return Rep(
        rep_id=RepId(rep.rep_id),
        manager_id=rep.manager_id,
        provinces=frozenset(rep.provinces),
        cities=frozenset(rep.cities),
        industries=frozenset(rep.industries),
        capacity=rep.capacity,
        weight=rep.weight or 1,
        active=rep.active,
    )


def _rep_load(load: RepLoad) -> rpc_pb.RepLoad:
    rep = load.rep
    message = rpc_pb.Rep(
        rep_id=rep.rep_id,
        manager_id=rep.manager_id,
        provinces=sorted(rep.provinces),
        cities=sorted(rep.cities),
        industries=sorted(rep.industries),
        capacity=rep.capacity,
        weight=rep.weight,
        active=rep.active,
    )
    return rpc_pb.RepLoad(
        rep=message, open_count=load.open_count, assigned_count=load.assigned_count
    )


def _state_of(assignment: Assignment) -> str:
    match assignment.standing:
        case Owned():
            return "assigned"
        case Merged():
            return "merged"
        case Withdrawn():
            return "withdrawn"
        case _:
            return "waiting"


def _decision(explanation: Explanation) -> rpc_pb.Decision:
    decision = explanation.decision
    message = rpc_pb.Decision(
        outcome=_OUTCOMES[decision.outcome],
        assignee_id=decision.assignee_id or "",
        cause=pb.AssignmentCause.ValueType(decision.cause),
        rule_id=decision.grounds.rule_id if decision.grounds else "",
        rules_version=decision.rules_version or 0,
        inputs=[f"{name}={value}" for name, value in explanation.inputs.items()],
        refusals=_refusals(explanation.refusals),
        standings=_standings(explanation.standings),
    )
    message.decided_at.FromDatetime(decision.decided_at)
    return message


def _refusals(refusals: Iterable[Refusal]) -> list[pb.Refusal]:
    return [
        pb.Refusal(
            rep_id=refusal.rep_id,
            reason=pb.RefusalReason.ValueType(refusal.reason),
            detail=refusal.detail,
        )
        for refusal in refusals
    ]


def _standings(standings: Iterable[Standing]) -> list[rpc_pb.Standing]:
    return [rpc_pb.Standing(rep_id=standing.rep_id, share=standing.share) for standing in standings]
