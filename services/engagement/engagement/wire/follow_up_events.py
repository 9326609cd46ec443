"""What engagement states about follow-ups, and the contacts that other systems state."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from leadchain.engagement.v1 import follow_up_events_pb2 as pb
from leadchain.intake.v1 import facts_events_pb2 as intake

from engagement.domain.follow_ups import Contact, EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leadchain.identity.v1.events_pb2 import FactIdentified

    from engagement.domain.follow_ups import FollowUp
    from engagement.domain.opportunities import Opportunity, Stale
    from engagement.seals import Seals

_PERSON_CHARS_MAX = 200
_KINDS = {
    intake.INTERACTION_KIND_CALL: EvidenceKind.CALL,
    intake.INTERACTION_KIND_CHAT: EvidenceKind.CHAT,
    intake.INTERACTION_KIND_MEETING: EvidenceKind.MEETING,
    intake.INTERACTION_KIND_EMAIL: None,
}


def contacts(events: Iterable[FactIdentified], seals: Seals) -> list[Contact]:
    """The calls, chats, meetings and e-mails among facts; being added as a contact is none."""
    return [_contact(event, seals) for event in events if is_contact(event)]


def is_contact(event: FactIdentified) -> bool:
    """Whether a fact is a call, chat, meeting or e-mail."""
    return event.WhichOneof("fact") == "interaction" and event.interaction.kind in _KINDS


def follow_up_recorded(follow_up: FollowUp, opportunity: Opportunity) -> pb.FollowUpRecorded:
    """The fact that something was done."""
    statement = follow_up.statement
    event = pb.FollowUpRecorded(
        lead_id=str(follow_up.lead_id),
        follow_up_id=str(follow_up.follow_up_id),
        golden_id=opportunity.golden_id,
        author_id=follow_up.author_id,
        is_contact=follow_up.is_contact,
        is_effective=follow_up.effective_at is not None,
        evidence=_kinds(each.kind for each in follow_up.evidence),
        next_action=statement.next_action.word,
        channel=opportunity.channel,
    )
    if statement.due_at is not None:
        event.due_at.FromDatetime(statement.due_at)
    event.received_at.FromDatetime(opportunity.received_at)
    return event


def became_effective(
    follow_up: FollowUp, opportunity: Opportunity, counted: Iterable[EvidenceKind]
) -> pb.FollowUpBecameEffective:
    """The fact that a follow-up counts."""
    event = pb.FollowUpBecameEffective(
        lead_id=str(follow_up.lead_id),
        follow_up_id=str(follow_up.follow_up_id),
        golden_id=opportunity.golden_id,
        author_id=follow_up.author_id,
        counted=_kinds(counted),
        policy_version=follow_up.policy_version,
        channel=opportunity.channel,
    )
    event.recorded_at.FromDatetime(follow_up.recorded_at)
    event.received_at.FromDatetime(opportunity.received_at)
    return event


def opportunity_stale(stale: Stale) -> pb.OpportunityStale:
    """The fact that nobody looks after an opportunity."""
    event = pb.OpportunityStale(
        lead_id=str(stale.lead_id), golden_id=stale.golden_id, owner_id=stale.owner_id or ""
    )
    event.last_touched_at.FromDatetime(stale.last_touched_at)
    return event


def _kinds(kinds: Iterable[EvidenceKind]) -> list[pb.EvidenceKind.ValueType]:
    return [pb.EvidenceKind.ValueType(kind) for kind in sorted(set(kinds))]


def _contact(event: FactIdentified, seals: Seals) -> Contact:
    told = event.interaction
    origin = told.origin
    began = told.started_at if told.started_at.ToNanoseconds() else told.occurred_at
    messages = told.customer_message_count if told.HasField("customer_message_count") else None
    return Contact(
        contact_id=seals.contact_id(origin.channel, origin.account, told.interaction_id),
        golden_id=event.golden_id,
        kind=_KINDS[told.kind],
        happened_at=began.ToDatetime(tzinfo=UTC),
        person=told.person[:_PERSON_CHARS_MAX],
        seconds=told.duration_s if told.HasField("duration_s") else None,
        message_count=messages,
    )
