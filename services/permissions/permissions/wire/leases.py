"""Leases: protobuf to domain and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from accesskit.facts import Entity
from accesskit.leases import LeaseState
from accesskit.policy import FollowUp
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1.events_pb2 import CustomerReleased, OwnershipDemoted, OwnershipGranted
from servicekit.errors import InvalidMessage

from permissions.domain.follow_ups import Touch
from permissions.domain.leases import LEAD, Cause, Loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accesskit.leases import LeaseView
    from leadchain.assignment.v1.events_pb2 import LeadAssigned
    from leadchain.assignment.v1.pool_events_pb2 import LeadHoldExpired, LeadPooled
    from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective

    from permissions.domain.leases import Lease, OwnerChange


@dataclass(frozen=True, slots=True)
class Arrival:
    """An assignment: which lead is whose, of which customer, and the event that brought it."""

    resource: Entity
    golden_id: str
    owner_id: str
    assignment_no: int
    channel: str
    received_at_s: float
    event: LeadAssigned


def arrival(event: LeadAssigned) -> Arrival:
    """The assignment of an event; raises `InvalidMessage` when it names no lead, no assignee or no number."""
    if not event.assignee_id or not event.assignment_no:
        raise InvalidMessage("an assignment needs an assignee and a number")
    return Arrival(
        resource=_lead(event.lead_id),
        golden_id=event.golden_id,
        owner_id=event.assignee_id,
        assignment_no=event.assignment_no,
        channel=event.channel,
        received_at_s=event.received_at.ToMicroseconds() / 1e6,
        event=event,
    )


def effective_follow_up(event: FollowUpBecameEffective) -> Touch:
    """What engagement judged to be an effective follow-up; raises `InvalidMessage` when it names no lead."""
    at_s = event.recorded_at.ToMicroseconds() / 1e6
    return Touch(_lead(event.lead_id), event.author_id, at_s, FollowUp())


def pooled(event: LeadPooled) -> Loss | None:
    """What assignment has taken back from its owner; None where permissions did. Raises `InvalidMessage`."""
    if event.reason != Cause.CONTACT_OVERDUE.value:
        return None
    return _loss(event, event.previous_owner_id, Cause.CONTACT_OVERDUE)


def hold_expired(event: LeadHoldExpired) -> Loss:
    """Whose time with a lead is over; raises `InvalidMessage`."""
    return _loss(event, event.owner_id, Cause.RECYCLED)


def owner_events(
    change: OwnerChange, lease: Lease, *, event: LeadAssigned | None = None
) -> Iterator[OwnershipGranted | CustomerReleased]:
    """What the bus is told of a change of owner: a lead's new owner, or that anything went to the pool."""
    if not change.owner_id:
        yield CustomerReleased(
            resource=entity_to_pb(lease.resource),
            previous_owner_id=change.lease.put.owner_id,
            reason=change.cause.value,
            audit_seq=lease.put.seq,
        )
    elif lease.put.resource_type == LEAD:
        yield _granted(change, lease, event)


def ownership_demoted(
    standing: LeaseView, state: LeaseState, *, audit_seq: int
) -> OwnershipDemoted:
    """That the owner of a lease has got to a state, and when the next one begins."""
    event = OwnershipDemoted(
        resource=changes_pb2.Entity(type=standing.resource_type, id=standing.resource_id),
        owner_id=standing.owner_id,
        state=state.value,
        audit_seq=audit_seq,
    )
    next_at_s = standing.readonly_at_s if state is LeaseState.NOTICE else standing.pool_at_s
    event.next_at.FromDatetime(datetime.fromtimestamp(next_at_s, UTC))
    return event


def entity_to_pb(entity: Entity) -> changes_pb2.Entity:
    """A typed id as a message."""
    return changes_pb2.Entity(type=entity.type, id=entity.id)


def _loss(event: LeadPooled | LeadHoldExpired, owner_id: str, cause: Cause) -> Loss:
    if not owner_id or not event.assignment_no:
        raise InvalidMessage("a lead is lost by an owner with the number of their assignment")
    return Loss(
        resource=_lead(event.lead_id),
        owner_id=owner_id,
        assignment_no=event.assignment_no,
        cause=cause,
        golden_id=event.golden_id,
        channel=event.channel,
        received_at_s=event.received_at.ToMicroseconds() / 1e6,
    )


def _lead(lead_id: str) -> Entity:
    try:
        return Entity(LEAD, str(UUID(lead_id)))
    except ValueError:
        raise InvalidMessage("lead_id is not a UUID") from None


def _granted(change: OwnerChange, lease: Lease, event: LeadAssigned | None) -> OwnershipGranted:
    granted = OwnershipGranted(
        lead_id=lease.put.resource_id,
        owner_id=lease.put.owner_id,
        previous_owner_id=change.lease.put.owner_id,
        audit_seq=lease.put.seq,
        channel=lease.channel,
    )
    if event is not None:
        granted.received_at.CopyFrom(event.received_at)
    else:
        # Of a lead from before its arrival was kept, the grant itself is the earliest that is known.
        received_at_s = lease.received_at_s or lease.granted_at_s
        granted.received_at.FromDatetime(datetime.fromtimestamp(received_at_s, UTC))
    return granted
