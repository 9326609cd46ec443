"""Between the contracts and the people in the leads: what is kept of them, and what is asked about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict
from leadchain.intake.v1 import events_pb2
from leadchain.intake.v1 import privacy_events_pb2 as pb
from servicekit.errors import InvalidMessage

from lead_intake.domain.subjects import Answer, RequestId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from lead_intake.domain.consents import Receipt
    from lead_intake.domain.subjects import Answered, SubjectRequest
    from lead_intake.seals import Seals
    from lead_intake.store.subjects_erasure import KeptContact, KeptItem

    class Erased(Protocol):
        """Some service's `SubjectErasedIn…`."""

        request_id: str
        erased_count: int

        @property
        def holds(self) -> Sequence[str]:
            """What was kept, and why."""

    class Exported(Protocol):
        """Some service's `SubjectExportedFrom…`."""

        request_id: str
        part: int
        part_count: int
        record_count: int
        records: bytes


LEAD = 0
PARTS_MAX = 1000
PERSONAL_FACTS = (
    "sealed_contact", "phone_index", "email_index", "wechat_index", "phone_display", "external_id",
    "source", "addressed_to", "budget", "product", "attributes",
)  # fmt: skip
"""What of a lead's facts says, or may say in the customer's own words, who the customer is."""


def without_contact(kept: KeptContact) -> bytes:
    """What is left of an item's facts without their person; of a fact that is no lead, nothing is."""
    if kept.kind != LEAD:
        return b""
    facts = events_pb2.LeadFacts.FromString(kept.facts)
    for name in PERSONAL_FACTS:
        facts.ClearField(name)  # type: ignore[arg-type]  # the names are those of the contract
    return facts.SerializeToString()


def exported_item(kept: KeptItem, seals: Seals) -> dict[str, Any]:
    """Everything that is kept of an item, its contact in clear; raises `servicekit.sealing.SealingError`."""
    record: dict[str, Any] = {
        "lead_id": str(kept.lead_id),
        "channel": kept.channel,
        "received_at": kept.received_at.isoformat(),
    }
    if kept.facts and kept.kind == LEAD:
        facts = events_pb2.LeadFacts.FromString(kept.facts)
        if facts.sealed_contact:
            opened = seals.ring.open(facts.sealed_contact, kept.lead_id.bytes)
            record["contact"] = _plain(events_pb2.Contact.FromString(opened))
        for name in ("sealed_contact", "phone_index", "email_index", "wechat_index"):
            facts.ClearField(name)
        record["facts"] = _plain(facts)
    return record


def exported_receipt(receipt: Receipt) -> dict[str, Any]:
    """One consent receipt of a person."""
    given_at = receipt.consent.at
    return {
        "consent_id": str(receipt.consent_id),
        "event": receipt.event.name.lower(),
        "notice_version": receipt.consent.notice_version,
        "purposes": list(receipt.consent.purposes),
        "basis": receipt.consent.basis,
        "given_at": given_at.isoformat() if given_at else None,
        "recorded_at": receipt.recorded_at.isoformat(),
    }


def erasure_requested(request: SubjectRequest) -> pb.SubjectErasureRequested:
    """The fact that a person is to be forgotten."""
    return pb.SubjectErasureRequested(
        request_id=str(request.request_id),
        lead_ids=map(str, request.lead_ids),
        subject_indexes=request.subject_indexes,
    )


def export_requested(request: SubjectRequest) -> pb.SubjectExportRequested:
    """The fact that what is kept about a person is to be gathered."""
    return pb.SubjectExportRequested(
        request_id=str(request.request_id),
        lead_ids=map(str, request.lead_ids),
        subject_indexes=request.subject_indexes,
    )


def completed(request: SubjectRequest, answered: Sequence[Answered]) -> pb.SubjectRequestCompleted:
    """The fact that everybody has answered."""
    return pb.SubjectRequestCompleted(
        request_id=str(request.request_id),
        kind=pb.SubjectRequestKind.ValueType(request.kind),
        lead_count=len(request.lead_ids),
        record_count=sum(answer.record_count for answer in answered),
        holds=[f"{answer.service}: {hold}" for answer in answered for hold in answer.holds],
    )


def overdue(request: SubjectRequest, services: Sequence[str]) -> pb.SubjectRequestOverdue:
    """The fact that these services are late."""
    event = pb.SubjectRequestOverdue(
        request_id=str(request.request_id),
        kind=pb.SubjectRequestKind.ValueType(request.kind),
        services=services,
    )
    event.due_at.FromDatetime(request.due_at)
    return event


def erased(event: Erased, service: str) -> Answer:
    """A service's answer to an erasure; raises `InvalidMessage`."""
    return Answer(
        _request_id(event.request_id),
        service,
        part=1,
        part_count=1,
        record_count=event.erased_count,
        holds=tuple(hold[:200] for hold in event.holds),
    )


def exported(event: Exported, service: str) -> Answer:
    """A part of a service's answer to an export; raises `InvalidMessage`."""
    if not 1 <= event.part <= event.part_count <= PARTS_MAX:
        raise InvalidMessage("the part is not one of the answer's")
    try:
        json.loads(event.records)
    except ValueError:
        raise InvalidMessage("the records are not JSON") from None
    return Answer(
        _request_id(event.request_id),
        service,
        part=event.part,
        part_count=event.part_count,
        record_count=event.record_count,
        records=event.records,
    )


def export_document(request: SubjectRequest, parts: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """A completed export: the request, and each service's records."""
    records: dict[str, list[Any]] = {}
    for service, part in parts:
        records.setdefault(service, []).extend(json.loads(part))
    return {
        "request_id": str(request.request_id),
        "requested_at": request.requested_at.isoformat(),
        "lead_ids": [str(lead_id) for lead_id in request.lead_ids],
        "records": records,
    }


def _plain(message: Any) -> dict[str, Any]:
    return dict(MessageToDict(message, preserving_proto_field_name=True))


def _request_id(text: str) -> RequestId:
    try:
        return RequestId(UUID(text))
    except ValueError:
        raise InvalidMessage("request_id is not a UUID") from None
