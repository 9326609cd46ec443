"""Recordings: those that facts tell of, what engagement states about them, and what people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.engagement.v1 import recording_events_pb2 as events_pb
from leadchain.engagement.v1 import recordings_service_pb2 as pb

from engagement.domain.recordings import Recording
from engagement.wire.behaviour_events import content_of
from engagement.wire.follow_up_events import is_contact

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from leadchain.identity.v1.events_pb2 import FactIdentified

    from engagement.domain.opportunities import Opportunity
    from engagement.seals import Seals
    from engagement.store.recordings import FailedRecording


def recordings(events: Iterable[FactIdentified], seals: Seals) -> list[Recording]:
    """The recordings among facts of which nobody has written down what was said.

    Raises `InvalidMessage` for what does not open, and `servicekit.sealing.UnknownKey` while a key is missing.
    """
    found = []
    for event in events:
        told = event.interaction
        if not is_contact(event) or not told.sealed_content:
            continue
        content = content_of(event, seals)
        if content.recording_url and not content.lines:
            origin = told.origin
            contact_id = seals.contact_id(origin.channel, origin.account, told.interaction_id)
            found.append(Recording(contact_id, content.recording_url))
    return found


def transcription_failed(
    contact_id: UUID, golden_id: str, opportunity: Opportunity | None, reason: str
) -> events_pb.TranscriptionFailed:
    """The fact that what was said is not written down."""
    return events_pb.TranscriptionFailed(
        contact_id=str(contact_id),
        golden_id=golden_id,
        lead_id=str(opportunity.lead_id) if opportunity else "",
        owner_id=(opportunity.owner_id or "") if opportunity else "",
        reason=reason,
    )


def failed(found: Iterable[FailedRecording]) -> pb.ListFailedRecordingsResponse:
    """Recordings that nobody tries any more."""
    answer = pb.ListFailedRecordingsResponse()
    for each in found:
        told = answer.recordings.add(
            contact_id=str(each.contact_id), reason=each.reason, attempt_count=each.attempt_count
        )
        told.queued_at.FromDatetime(each.queued_at)
        told.failed_at.FromDatetime(each.failed_at)
    return answer
