"""Leads and facts as they travel: protobuf to domain and back."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.assignment.v1 import events_pb2 as pb
from leadchain.assignment.v1.privacy_events_pb2 import (
    SubjectErasedInAssignment,
    SubjectExportedFromAssignment,
)
from leadchain.intake.v1 import events_pb2 as intake_pb
from servicekit.errors import InvalidMessage

from assignment.domain.budgets import amount_of
from assignment.domain.leads import NO_TRAITS, Lead, LeadId, Precision, Profile, RepId, Traits
from assignment.domain.refusals import region_display
from assignment.domain.reps import FROZEN, LEFT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpRecorded
    from leadchain.identity.v1.customer_events_pb2 import CustomerSplit
    from leadchain.identity.v1.events_pb2 import LeadIdentified
    from leadchain.intake.v1.events_pb2 import Region
    from leadchain.intake.v1.import_events_pb2 import LeadsWithdrawn
    from leadchain.permissions.v1.events_pb2 import SessionsRevoked
    from servicekit.erasures import Erased, Part

    from assignment.domain.clocks import TeamClocks, Timer
    from assignment.domain.decisions import Cause
    from assignment.domain.leads import OpenLead, Owned
    from assignment.domain.refusals import Refusal
    from assignment.domain.routing import Assigned, Ruling
    from assignment.domain.rules import Scoring

REFUSALS_MAX = 200

_WITHIN_CITY = frozenset({intake_pb.REGION_PRECISION_DISTRICT, intake_pb.REGION_PRECISION_ZONE})
_ABSENCES = {"offboarded": LEFT, "suspended": FROZEN}


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
        traits=_traits(facts),
    )


def lead_assigned(
    lead: Lead,
    owned: Owned,
    ruling: Assigned,
    *,
    cause: Cause,
    previous: RepId | None,
    clocks: TeamClocks,
) -> pb.LeadAssigned:
    """The fact that a lead has an owner, whose `clocks` begin now."""
    due = clocks.follow_up_due(owned.assignee_id)
    event = pb.LeadAssigned(
        lead_id=str(lead.lead_id),
        golden_id=lead.golden_id,
        assignee_id=owned.assignee_id,
        previous_assignee_id=previous or "",
        assignment_no=owned.assignment_no,
        cause=pb.AssignmentCause.ValueType(cause),
        rule_id=ruling.rule.rule_id,
        rules_version=clocks.rules_version,
        pool_id=ruling.pool_id,
        score=ruling.subject.score,
        channel=lead.channel,
        region_display=region_display(lead.profile),
        industry=lead.profile.industry,
        phone_display=lead.phone_display,
        first_action=lead.first_action,
        calendar=due.calendar,
    )
    event.contact_due_at.FromDatetime(owned.contact_due_at)
    event.follow_up_24h_due_at.FromDatetime(due.in_24h)
    event.follow_up_48h_due_at.FromDatetime(due.in_48h)
    event.follow_up_72h_due_at.FromDatetime(due.in_72h)
    event.received_at.FromDatetime(lead.received_at)
    return event


def lead_scored(
    lead: Lead, scoring: Scoring, *, score: float, assignee: RepId | None, version: int
) -> pb.LeadScored:
    """The fact that a lead's score lies above the threshold; `version` is that of the rules."""
    event = pb.LeadScored(
        lead_id=str(lead.lead_id),
        golden_id=lead.golden_id,
        score=score,
        threshold=scoring.threshold,
        tag=scoring.tag,
        assignee_id=assignee or "",
        rules_version=version,
        channel=lead.channel,
        region_display=region_display(lead.profile),
        industry=lead.profile.industry,
    )
    event.received_at.FromDatetime(lead.received_at)
    return event


def lead_accepted(lead: Lead, owned: Owned) -> pb.LeadAccepted:
    """The fact that the owner took a lead on."""
    event = pb.LeadAccepted(
        lead_id=str(lead.lead_id),
        rep_id=owned.assignee_id,
        assignment_no=owned.assignment_no,
        channel=lead.channel,
    )
    event.received_at.FromDatetime(lead.received_at)
    return event


def lead_declined(lead: Lead, owned: Owned, *, reason: str, following: RepId) -> pb.LeadDeclined:
    """The fact that the owner gave a lead back, and who has it now."""
    event = pb.LeadDeclined(
        lead_id=str(lead.lead_id),
        rep_id=owned.assignee_id,
        assignment_no=owned.assignment_no,
        reason=reason,
        next_assignee_id=following,
        channel=lead.channel,
    )
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
        rule_id=ruling.rule.rule_id,
        rules_version=version,
        refusals=refusals_pb(refusals),
        refusal_count=refusal_count,
    )
    event.received_at.FromDatetime(lead.received_at)
    return event


def contact(event: FollowUpRecorded) -> tuple[LeadId, RepId, datetime]:
    """Who made contact about which lead, and when; raises `InvalidMessage`."""
    try:
        lead_id = LeadId(UUID(event.lead_id))
    except ValueError:
        raise InvalidMessage("lead_id is no UUID") from None
    return lead_id, RepId(event.author_id), event.occurred_at.ToDatetime(tzinfo=UTC)


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


def departed(event: SessionsRevoked) -> tuple[list[RepId], str]:
    """Who takes no leads any longer, and why, if the event says so of anybody.

    Raises `InvalidMessage` when it names nobody.
    """
    if not event.principal_id:
        raise InvalidMessage("nobody is named")
    reason = _ABSENCES.get(event.reason, "")
    return ([RepId(event.principal_id)] if reason else []), reason


def taken_back(event: LeadsWithdrawn) -> dict[LeadId, UUID]:
    """The leads of an undone import, each with the import; raises `InvalidMessage`."""
    try:
        import_id = UUID(event.import_id)
        return dict.fromkeys((LeadId(UUID(each)) for each in event.lead_ids), import_id)
    except ValueError:
        raise InvalidMessage("an import or a lead is no UUID") from None


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


def _traits(facts: intake_pb.LeadFacts) -> Traits:
    if not (facts.product or facts.budget or facts.attributes):
        return NO_TRAITS
    return Traits(facts.product, amount_of(facts.budget), dict(facts.attributes))


def refusals_pb(refusals: Iterable[Refusal]) -> list[pb.Refusal]:
    """Candidates passed over, each with the reason."""
    return [
        pb.Refusal(
            rep_id=refusal.rep_id,
            reason=pb.RefusalReason.ValueType(refusal.reason),
            detail=refusal.detail,
        )
        for refusal in refusals
    ]
