"""Opportunities, and what other services state about their leads."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.engagement.v1 import opportunities_service_pb2 as rpc_pb
from leadchain.engagement.v1.opportunity_events_pb2 import OpportunityOpened
from servicekit.errors import InvalidMessage

from engagement.domain.opportunities import Assigned, Contacted, Ended, Owned

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.assignment.v1 import events_pb2 as assignment
    from leadchain.identity.v1.customer_events_pb2 import CustomerSplit
    from leadchain.permissions.v1 import events_pb2 as permissions

    from engagement.domain.opportunities import Opportunity

_LEAD = "lead"


def assigned(event: assignment.LeadAssigned) -> Assigned:
    """Who has a lead; raises `InvalidMessage` for an event without a usable id, customer or owner."""
    if not (event.golden_id and event.assignee_id):
        raise InvalidMessage("golden_id or assignee_id is empty")
    return Assigned(
        lead_id=_stated_id(event.lead_id),
        golden_id=event.golden_id,
        owner_id=event.assignee_id,
        assignment_no=event.assignment_no,
        channel=event.channel,
        received_at=_time(event.received_at),
        assigned_at=_time(event.occurred_at),
    )


def contacted(event: assignment.LeadContacted) -> Contacted:
    """When contact was made."""
    return Contacted(_stated_id(event.lead_id), _time(event.occurred_at))


def merged(event: assignment.LeadMerged) -> Ended:
    """Which conversation goes on instead."""
    return Ended(_stated_id(event.lead_id), _stated_id(event.into_lead_id))


def withdrawn(event: assignment.LeadWithdrawn) -> Ended:
    """A lead that was none."""
    return Ended(_stated_id(event.lead_id), None)


def granted(event: permissions.OwnershipGranted) -> Owned:
    """Whose a lead is by right."""
    return Owned(_stated_id(event.lead_id), event.owner_id, event.audit_seq)


def released(event: permissions.CustomerReleased) -> Owned | None:
    """A lead that is nobody's now; None when something else was released."""
    if event.resource.type != _LEAD:
        return None
    return Owned(_stated_id(event.resource.id), None, event.audit_seq)


def parts(event: CustomerSplit) -> dict[str, list[UUID]]:
    """The customers who left another, each with their leads."""
    return {
        part.golden_id: [_stated_id(lead_id) for lead_id in part.lead_ids] for part in event.parts
    }


def opportunity_opened(opportunity: Opportunity) -> OpportunityOpened:
    """The fact that a lead has an opportunity."""
    event = OpportunityOpened(
        lead_id=str(opportunity.lead_id),
        golden_id=opportunity.golden_id,
        opportunity_no=opportunity.number,
        owner_id=opportunity.owner_id or "",
        channel=opportunity.channel,
    )
    event.received_at.FromDatetime(opportunity.received_at)
    return event


def opportunity(found: Opportunity) -> rpc_pb.Opportunity:
    """One opportunity."""
    told = rpc_pb.Opportunity(
        lead_id=str(found.lead_id),
        opportunity_no=found.number,
        golden_id=found.golden_id,
        state=found.state.name.lower(),
        owner_id=found.owner_id or "",
        into_lead_id=str(found.into_lead_id or ""),
        is_downgraded=found.downgraded_at is not None,
    )
    told.opened_at.FromDatetime(found.opened_at)
    if found.contacted_at is not None:
        told.contacted_at.FromDatetime(found.contacted_at)
    if found.downgraded_at is not None:
        told.downgraded_at.FromDatetime(found.downgraded_at)
    return told


def _stated_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidMessage("a lead_id is not a UUID") from None


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
