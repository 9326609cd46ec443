"""What is stated about owners who let time pass, and what stops their clocks."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.assignment.v1 import clock_events_pb2 as pb
from servicekit.errors import InvalidMessage

from assignment.domain.leads import LeadId, RepId

if TYPE_CHECKING:
    from datetime import datetime

    from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective

    from assignment.domain.clocks import Timer
    from assignment.domain.leads import Lead, Owned


def effective_follow_up(event: FollowUpBecameEffective) -> tuple[LeadId, RepId, datetime]:
    """Who did something that counts about which lead, and when; raises `InvalidMessage`."""
    try:
        lead_id = LeadId(UUID(event.lead_id))
    except ValueError:
        raise InvalidMessage("lead_id is no UUID") from None
    recorded = event.recorded_at if event.HasField("recorded_at") else event.occurred_at
    return lead_id, RepId(event.author_id), recorded.ToDatetime(tzinfo=UTC)


def follow_up_became_yellow(
    lead: Lead, owned: Owned, timer: Timer, *, manager_id: str
) -> pb.FollowUpBecameYellow:
    """The fact that an owner has done nothing that counts within 48 hours."""
    event = pb.FollowUpBecameYellow()
    _fill(event, lead, owned, timer, manager_id)
    return event


def follow_up_overdue(
    lead: Lead, owned: Owned, timer: Timer, *, manager_id: str
) -> pb.FollowUpOverdue:
    """The fact that an owner has done nothing that counts within 72 hours."""
    event = pb.FollowUpOverdue()
    _fill(event, lead, owned, timer, manager_id)
    return event


def review_required(
    lead: Lead, owned: Owned, review: Timer, *, manager_id: str
) -> pb.ReviewRequired:
    """The fact that an owner must say why, until the review's clock runs out."""
    event = pb.ReviewRequired(
        lead_id=str(lead.lead_id),
        golden_id=lead.golden_id,
        owner_id=owned.assignee_id,
        manager_id=manager_id,
        assignment_no=owned.assignment_no,
        calendar=review.calendar,
        channel=lead.channel,
    )
    event.review_due_at.FromDatetime(review.due_at)
    event.received_at.FromDatetime(lead.received_at)
    return event


def _fill(
    event: pb.FollowUpBecameYellow | pb.FollowUpOverdue,
    lead: Lead,
    owned: Owned,
    timer: Timer,
    manager_id: str,
) -> None:
    event.lead_id, event.golden_id = str(lead.lead_id), lead.golden_id
    event.owner_id, event.manager_id = owned.assignee_id, manager_id
    event.assignment_no, event.calendar = timer.assignment_no, timer.calendar
    event.channel = lead.channel
    event.assigned_at.FromDatetime(timer.started_at)
    event.due_at.FromDatetime(timer.due_at)
    event.received_at.FromDatetime(lead.received_at)
