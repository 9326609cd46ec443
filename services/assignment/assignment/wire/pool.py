"""The public pool as it travels."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from leadchain.assignment.v1 import pool_events_pb2 as pb
from leadchain.assignment.v1 import pool_service_pb2 as rpc_pb
from servicekit.errors import InvalidMessage

from assignment.domain.leads import LeadId, Pooled, RepId
from assignment.domain.refusals import region_display
from assignment.wire.answers import lead_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leadchain.permissions.v1.events_pb2 import CustomerReleased

    from assignment.domain.holds import Hold
    from assignment.domain.leads import Lead, Owned, StoredLead
    from assignment.domain.pool import Claimed

HoldEvent = TypeVar("HoldEvent", pb.PoolWarning, pb.LeadHoldExpired)

LEAD = "lead"
LISTED_MAX = 1000
LISTED_USUALLY = 100


def released(event: CustomerReleased) -> tuple[LeadId, RepId] | None:
    """The lead that was released, and from whom; None for anything but a lead. Raises `InvalidMessage`."""
    if event.resource.type != LEAD:
        return None
    try:
        return LeadId(UUID(event.resource.id)), RepId(event.previous_owner_id)
    except ValueError:
        raise InvalidMessage("the id of a lead is no UUID") from None


def lead_pooled(lead: Lead, before: Owned, *, reason: str) -> pb.LeadPooled:
    """The fact that nobody has a lead any longer, and that reps may claim it; `before` is how it was owned."""
    event = pb.LeadPooled(
        lead_id=str(lead.lead_id),
        golden_id=lead.golden_id,
        previous_owner_id=before.assignee_id,
        reason=reason,
        assignment_no=before.assignment_no,
        channel=lead.channel,
    )
    event.received_at.FromDatetime(lead.received_at)
    return event


def lead_claimed(lead: Lead, owned: Owned, before: Pooled) -> pb.LeadClaimed:
    """The fact that a rep took a lead out of the pool."""
    event = pb.LeadClaimed(
        lead_id=str(lead.lead_id),
        golden_id=lead.golden_id,
        rep_id=owned.assignee_id,
        previous_owner_id=before.previous_owner_id,
        channel=lead.channel,
    )
    event.pooled_at.FromDatetime(before.pooled_at)
    event.received_at.FromDatetime(lead.received_at)
    return event


def pool_warning(lead: Lead, owned: Owned, held: Hold) -> pb.PoolWarning:
    """The fact that an owner will lose a lead unless they act."""
    return _of_hold(pb.PoolWarning(), lead, owned, held)


def lead_hold_expired(lead: Lead, owned: Owned, held: Hold) -> pb.LeadHoldExpired:
    """The fact that an owner's time with a lead is over."""
    return _of_hold(pb.LeadHoldExpired(), lead, owned, held)


def claim(request: rpc_pb.ClaimLeadRequest) -> tuple[LeadId, RepId]:
    """The lead that somebody claims, and who; raises `Invalid`."""
    return lead_id(request.lead_id), RepId(request.rep_id)


def claim_response(claimed: Claimed) -> rpc_pb.ClaimLeadResponse:
    """Until when a claimer must make contact."""
    response = rpc_pb.ClaimLeadResponse(left_today=claimed.left_today)
    response.contact_due_at.FromDatetime(claimed.contact_due_at.astimezone(UTC))
    return response


def list_limit(request: rpc_pb.ListPoolRequest) -> int:
    """How many leads to list."""
    return min(request.limit or LISTED_USUALLY, LISTED_MAX)


def list_response(leads: Iterable[tuple[StoredLead, str]]) -> rpc_pb.ListPoolResponse:
    """Leads in the pool with their levels, without anything personal."""
    response = rpc_pb.ListPoolResponse()
    for stored, level_id in leads:
        standing, profile = stored.standing, stored.lead.profile
        if not isinstance(standing, Pooled):
            continue
        entry = response.leads.add(
            lead_id=str(stored.lead.lead_id),
            previous_owner_id=standing.previous_owner_id,
            region_display=region_display(profile),
            industry=profile.industry,
            level=level_id,
        )
        entry.pooled_at.FromDatetime(standing.pooled_at)
    return response


def _of_hold(event: HoldEvent, lead: Lead, owned: Owned, held: Hold) -> HoldEvent:
    event.lead_id = str(lead.lead_id)
    event.golden_id = lead.golden_id
    event.owner_id = owned.assignee_id
    event.clock = held.clock.value
    event.level = held.level_id
    event.assignment_no = owned.assignment_no
    event.channel = lead.channel
    event.recycle_at.FromDatetime(held.recycle_at)
    event.received_at.FromDatetime(lead.received_at)
    return event
