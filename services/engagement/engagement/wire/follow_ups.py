"""Follow-ups as reps send and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.engagement.v1 import follow_ups_service_pb2 as pb
from servicekit.errors import Invalid

from engagement.domain.follow_ups import (
    ATTACHMENT_BYTES_MAX,
    EVIDENCE_MAX,
    VISIT_S_MAX,
    Box,
    Evidence,
    EvidenceKind,
    FollowUp,
    Statement,
    UnusableFollowUp,
    Visit,
)
from engagement.domain.places import Datum, place
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncpg import Record
    from google.protobuf.timestamp_pb2 import Timestamp

    from engagement.domain.follow_ups import Claim, Contact
    from engagement.domain.places import Place

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}")
_REFERENCE = re.compile(r"[\w:./-]{1,200}")
_BETWEEN = "|"


def wanted(lead_id: UUID, follow_up_id: str, statement: pb.Statement, author_id: str) -> FollowUp:
    """A follow-up as its author wants it, without its evidence; raises `Invalid`."""
    return FollowUp(
        follow_up_id=uuid(follow_up_id, "follow_up_id"),
        lead_id=lead_id,
        author_id=author_id,
        recorded_at=datetime.fromtimestamp(0, UTC),
        statement=_statement(statement),
        evidence=(),
        is_contact=False,
        policy_version=0,
    )


def claims(told: Iterable[pb.Evidence]) -> list[Claim]:
    """What a rep claims; raises `UnusableFollowUp`, or `engagement.domain.places.WrongCoordinates`."""
    found = [_claim(each) for each in told]
    if len(found) > EVIDENCE_MAX:
        raise UnusableFollowUp(f"evidence: at most {EVIDENCE_MAX} pieces")
    return found


def point(latitude: float, longitude: float, datum: str) -> Place:
    """A point in WGS-84; raises `UnusableFollowUp` or `engagement.domain.places.WrongCoordinates`."""
    try:
        return place(latitude, longitude, Datum(datum))
    except ValueError:
        raise UnusableFollowUp("datum: wgs84 or gcj02") from None


def before(token: str) -> tuple[datetime, UUID] | None:
    """Where the page before ended; raises `Invalid` for a token that no answer gave."""
    if not token:
        return None
    moment, _, last = token.partition(_BETWEEN)
    try:
        return datetime.fromisoformat(moment), UUID(last)
    except ValueError:
        raise Invalid("page_token is none that an earlier page gave") from None


def follow_up(told: FollowUp) -> pb.FollowUp:
    """One follow-up."""
    answer = pb.FollowUp(
        follow_up_id=str(told.follow_up_id),
        lead_id=str(told.lead_id),
        author_id=told.author_id,
        statement=_told_statement(told.statement),
        evidence=[_told_evidence(each) for each in told.evidence],
        is_contact=told.is_contact,
        policy_version=told.policy_version,
        version=told.version,
    )
    answer.recorded_at.FromDatetime(told.recorded_at)
    if told.effective_at is not None:
        answer.effective_at.FromDatetime(told.effective_at)
    if told.corrected_at is not None:
        answer.corrected_at.FromDatetime(told.corrected_at)
    return answer


def page(found: list[FollowUp], size: int) -> pb.ListFollowUpsResponse:
    """A page of at most `size`; `found` has one more where another follows."""
    shown = found[:size]
    token = ""
    if len(found) > size:
        token = f"{shown[-1].recorded_at.isoformat()}{_BETWEEN}{shown[-1].follow_up_id}"
    return pb.ListFollowUpsResponse(
        follow_ups=[follow_up(each) for each in shown], next_page_token=token
    )


def contacts(found: Iterable[Contact]) -> pb.ListContactsResponse:
    """Reported contacts."""
    return pb.ListContactsResponse(contacts=[_told_contact(each) for each in found])


def effort(since: datetime, rows: Iterable[Record]) -> pb.GetWeeklyEffortResponse:
    """What reps can show for a week."""
    answer = pb.GetWeeklyEffortResponse(reps=[pb.RepEffort(**dict(row)) for row in rows])
    answer.since.FromDatetime(since)
    return answer


def moment(stamp: Timestamp) -> datetime:
    """A time that a caller names."""
    return stamp.ToDatetime(tzinfo=UTC)


def _statement(told: pb.Statement) -> Statement:
    return Statement(
        objection=_box(told.objection),
        response=_box(told.response),
        next_action=_box(told.next_action),
        due_at=moment(told.due_at) if told.HasField("due_at") else None,
    )


def _box(told: pb.Box) -> Box:
    return Box(told.word, told.details.strip())


def _claim(told: pb.Evidence) -> Claim:
    match told.WhichOneof("proof"):
        case "call":
            return _reported(EvidenceKind.CALL, told.call.contact_id, seconds=told.call.seconds)
        case "meeting":
            meeting = told.meeting
            return _reported(EvidenceKind.MEETING, meeting.contact_id, seconds=meeting.seconds)
        case "chat":
            count = told.chat.customer_message_count
            return _reported(EvidenceKind.CHAT, told.chat.contact_id, message_count=count)
        case "form":
            form_id = _matching(_REFERENCE, told.form.form_id, "form_id")
            return Evidence(EvidenceKind.FORM, reference=form_id)
        case "attachment":
            return _attachment(told.attachment)
        case "visit":
            return _visit(told.visit)
        case _:
            raise UnusableFollowUp("evidence: a piece is empty")


def _reported(
    kind: EvidenceKind,
    contact_id: str,
    *,
    seconds: int | None = None,
    message_count: int | None = None,
) -> Evidence:
    known = uuid(contact_id, "contact_id") if contact_id else None
    return Evidence(kind, contact_id=known, seconds=seconds, message_count=message_count)


def _attachment(told: pb.AttachmentEvidence) -> Evidence:
    if not 0 < told.size_bytes <= ATTACHMENT_BYTES_MAX:
        raise UnusableFollowUp(f"attachment: 1 to {ATTACHMENT_BYTES_MAX} bytes")
    return Evidence(
        EvidenceKind.ATTACHMENT,
        reference=_matching(_SHA256, told.sha256, "sha256"),
        media_type=_matching(_MEDIA_TYPE, told.media_type, "media_type"),
        size_bytes=told.size_bytes,
    )


def _visit(told: pb.VisitEvidence) -> Visit:
    if told.seconds > VISIT_S_MAX:
        raise UnusableFollowUp(f"visit: at most {VISIT_S_MAX} s")
    photo = _matching(_SHA256, told.photo_sha256, "photo_sha256")
    where = point(told.latitude, told.longitude, told.datum)
    return Visit(where, photo, told.seconds or None)


def _matching(pattern: re.Pattern[str], text: str, name: str) -> str:
    if pattern.fullmatch(text) is None:
        raise UnusableFollowUp(f"{name} is missing or malformed")
    return text


def _told_statement(statement: Statement) -> pb.Statement:
    answer = pb.Statement(
        objection=_told_box(statement.objection),
        response=_told_box(statement.response),
        next_action=_told_box(statement.next_action),
    )
    if statement.due_at is not None:
        answer.due_at.FromDatetime(statement.due_at)
    return answer


def _told_box(box: Box) -> pb.Box:
    return pb.Box(word=box.word, details=box.details)


def _told_evidence(each: Evidence) -> pb.Evidence:
    contact_id, seconds = str(each.contact_id or ""), each.seconds or 0
    answer = pb.Evidence(is_confirmed=each.is_confirmed)
    match each.kind:
        case EvidenceKind.CALL:
            answer.call.CopyFrom(pb.CallEvidence(contact_id=contact_id, seconds=seconds))
        case EvidenceKind.MEETING:
            answer.meeting.CopyFrom(pb.MeetingEvidence(contact_id=contact_id, seconds=seconds))
        case EvidenceKind.CHAT:
            answer.chat.contact_id = contact_id
            answer.chat.customer_message_count = each.message_count or 0
        case EvidenceKind.FORM:
            answer.form.form_id = each.reference
        case EvidenceKind.ATTACHMENT:
            answer.attachment.sha256, answer.attachment.media_type = each.reference, each.media_type
            answer.attachment.size_bytes = each.size_bytes or 0
        case EvidenceKind.VISIT:
            answer.visit.photo_sha256 = each.reference
            answer.visit.distance_m, answer.visit.seconds = each.distance_m or 0.0, seconds
    return answer


def _told_contact(contact: Contact) -> pb.ReportedContact:
    answer = pb.ReportedContact(
        contact_id=str(contact.contact_id),
        kind="email" if contact.kind is None else contact.kind.name.lower(),
        seconds=contact.seconds,
        customer_message_count=contact.message_count,
        follow_up_id=str(contact.follow_up_id or ""),
    )
    answer.happened_at.FromDatetime(contact.happened_at)
    return answer
