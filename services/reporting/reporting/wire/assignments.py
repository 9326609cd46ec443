"""What events state of an owner's time with a lead, and of what was done about it that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporting.domain.assignments import EffectiveFollowUp, Stretch
from reporting.wire.facts import microseconds

if TYPE_CHECKING:
    from leadchain.assignment.v1 import clock_events_pb2 as clocks
    from leadchain.assignment.v1 import events_pb2 as assignment
    from leadchain.assignment.v1.pool_events_pb2 import LeadPooled
    from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective


def assigned(event: assignment.LeadAssigned) -> Stretch:
    """It begins."""
    at = microseconds(event.occurred_at)
    return Stretch(
        event.lead_id,
        event.assignment_no,
        event.channel,
        event.assignee_id,
        at,
        at,
        microseconds(event.follow_up_24h_due_at),
        microseconds(event.follow_up_48h_due_at),
        microseconds(event.follow_up_72h_due_at),
    )


def declined(event: assignment.LeadDeclined) -> Stretch:
    """Its owner gave the lead back."""
    at = microseconds(event.occurred_at)
    return Stretch(event.lead_id, event.assignment_no, event.channel, event.rep_id, at)


def pooled(event: LeadPooled) -> Stretch:
    """Its owner lost the lead to the public pool."""
    at = microseconds(event.occurred_at)
    return Stretch(event.lead_id, event.assignment_no, event.channel, event.previous_owner_id, at)


def late(event: clocks.FollowUpBecameYellow | clocks.FollowUpOverdue) -> Stretch:
    """A deadline passed, and nothing that counts had been done."""
    return Stretch(
        event.lead_id,
        event.assignment_no,
        event.channel,
        event.owner_id,
        microseconds(event.occurred_at),
        microseconds(event.assigned_at),
        microseconds(event.due_at),
    )


def effective(event: FollowUpBecameEffective) -> EffectiveFollowUp:
    """Something that counts was done, when it was recorded."""
    told = microseconds(event.occurred_at)
    recorded = microseconds(event.recorded_at) if event.HasField("recorded_at") else told
    return EffectiveFollowUp(event.lead_id, event.follow_up_id, event.author_id, recorded, told)
