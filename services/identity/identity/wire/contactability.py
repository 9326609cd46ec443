"""Questions whether a customer may be contacted, and customers' wishes, as they travel."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.identity.v1 import customer360_service_pb2 as pb
from servicekit.errors import Invalid

from identity.domain.contactability import Channel, Objection, Purpose, Refusal, Wish

if TYPE_CHECKING:
    from identity.domain.contactability import Reason
    from identity.queries.contactability import Verdict

_REFUSALS = {
    Refusal.RENEWED: pb.CONTACT_REFUSAL_RENEWED,
    Refusal.CONTACTED_OFTEN: pb.CONTACT_REFUSAL_CONTACTED_OFTEN,
    Refusal.OPEN_COMPLAINT: pb.CONTACT_REFUSAL_OPEN_COMPLAINT,
    Refusal.SUPPRESSED: pb.CONTACT_REFUSAL_SUPPRESSED,
    Refusal.OBJECTED: pb.CONTACT_REFUSAL_OBJECTED,
}


class PurposeMissing(Invalid):
    """Nobody can say whether a contact is allowed whose purpose is not stated."""

    def __init__(self) -> None:
        super().__init__("purpose is not stated")


class MalformedObjection(Invalid):
    """A wish has no UUID of its own, or a purpose or channel that nobody knows."""

    def __init__(self) -> None:
        super().__init__("objection_id is not a UUID, or purpose or channel is unknown")


def wish(request: pb.MayContactRequest) -> Wish:
    """The contact in mind; raises `PurposeMissing`."""
    try:
        wanted = Wish(Purpose(request.purpose), Channel(request.channel))
    except ValueError:
        raise PurposeMissing from None
    if wanted.purpose is Purpose.ANY:
        raise PurposeMissing
    return wanted


def objection(request: pb.RecordObjectionRequest, *, now: datetime) -> tuple[UUID, Objection]:
    """The wish and its id; raises `MalformedObjection`."""
    until = request.until.ToDatetime(tzinfo=UTC) if request.HasField("until") else None
    try:
        stated = Objection(Purpose(request.purpose), Channel(request.channel), now, until)
        return UUID(request.objection_id), stated
    except ValueError:
        raise MalformedObjection from None


def withdrawn_id(request: pb.WithdrawObjectionRequest) -> UUID | None:
    """Which wish is withdrawn, None for every one; raises `MalformedObjection`."""
    try:
        return UUID(request.objection_id) if request.objection_id else None
    except ValueError:
        raise MalformedObjection from None


def verdict_response(verdict: Verdict) -> pb.MayContactResponse:
    """The answer."""
    answer = verdict.answer
    response = pb.MayContactResponse(
        may=answer.may,
        reasons=[_reason(reason) for reason in answer.reasons],
        golden_id=verdict.golden_id,
        policy_version=verdict.policy_version,
        contact_count=answer.contact_count,
    )
    if answer.not_before is not None:
        response.not_before.FromDatetime(answer.not_before)
    return response


def _reason(reason: Reason) -> pb.ContactReason:
    told = pb.ContactReason(
        refusal=_REFUSALS[reason.refusal], count=reason.count, systems=reason.systems
    )
    told.since.FromDatetime(reason.since)
    if reason.until is not None:
        told.until.FromDatetime(reason.until)
    return told
