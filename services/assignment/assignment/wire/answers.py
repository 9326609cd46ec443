"""Answers about leads, as they travel: owners, clocks and reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.assignment.v1 import assignment_service_pb2 as rpc_pb
from leadchain.assignment.v1 import events_pb2 as pb
from servicekit.errors import Invalid

from assignment.domain.decisions import Outcome
from assignment.domain.leads import LeadId, Merged, Owned, Pooled, RepId, Withdrawn
from assignment.domain.rules import TieBreaker
from assignment.wire.events import refusals_pb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from assignment.domain.answers import Declined
    from assignment.domain.decisions import Explanation
    from assignment.domain.leads import Assignment
    from assignment.domain.refusals import Standing

_OUTCOMES = {
    Outcome.ASSIGNED: "assigned",
    Outcome.UNASSIGNABLE: "unassignable",
    Outcome.MERGED: "merged",
    Outcome.KEPT: "kept",
    Outcome.WITHDRAWN: "withdrawn",
    Outcome.POOLED: "pooled",
}


def lead_id(text: str) -> LeadId:
    """A lead's id as a caller wrote it; raises `Invalid`."""
    try:
        return LeadId(UUID(text))
    except ValueError:
        raise Invalid("lead_id is no UUID") from None


def marked(request: rpc_pb.MarkContactedRequest) -> tuple[LeadId, RepId]:
    """The lead that was contacted, and the rep who says so; raises `Invalid`."""
    return lead_id(request.lead_id), RepId(request.rep_id)


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


def owner_of(request: rpc_pb.AcceptLeadRequest | rpc_pb.DeclineLeadRequest) -> tuple[LeadId, RepId]:
    """The lead that somebody answers for, and who; raises `Invalid`."""
    return lead_id(request.lead_id), RepId(request.rep_id)


def accepted_response(accepted_at: datetime) -> rpc_pb.AcceptLeadResponse:
    """When a lead was first accepted."""
    response = rpc_pb.AcceptLeadResponse()
    response.accepted_at.FromDatetime(accepted_at)
    return response


def declined_response(declined: Declined) -> rpc_pb.DeclineLeadResponse:
    """Who has a lead now that was given back."""
    return rpc_pb.DeclineLeadResponse(
        assignee_id=declined.assignee_id, left_today=declined.left_today
    )


def _state_of(assignment: Assignment) -> str:
    match assignment.standing:
        case Owned():
            return "assigned"
        case Merged():
            return "merged"
        case Withdrawn():
            return "withdrawn"
        case Pooled():
            return "pooled"
        case _:
            return "waiting"


def _decision(explanation: Explanation) -> rpc_pb.Decision:
    decision = explanation.decision
    message = rpc_pb.Decision(
        outcome=_OUTCOMES[decision.outcome],
        assignee_id=decision.assignee_id or "",
        cause=pb.AssignmentCause.ValueType(decision.cause),
        rule_id=decision.rule_id,
        rules_version=decision.rules_version or 0,
        inputs=[f"{name}={value}" for name, value in explanation.inputs.items()],
        refusals=refusals_pb(explanation.refusals),
        standings=_standings(explanation.standings),
        pool_id=decision.pool_id,
        score=decision.score or 0.0,
        tie_breaker=decision.tie_breaker.name.lower()
        if decision.tie_breaker is not TieBreaker.NONE
        else "",
    )
    message.decided_at.FromDatetime(decision.decided_at)
    return message


def _standings(standings: Iterable[Standing]) -> list[rpc_pb.Standing]:
    return [
        rpc_pb.Standing(
            rep_id=standing.rep_id,
            share=standing.share,
            turns_before=standing.turns_before,
            turns_after=standing.turns_after,
            open_count=standing.open_count,
            rule_id=standing.rule_id,
        )
        for standing in standings
    ]
