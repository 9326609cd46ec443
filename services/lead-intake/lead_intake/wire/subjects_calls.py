"""The calls of the privacy service: what they ask, in the domain's terms, and what they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.privacy_events_pb2 import SubjectRequestKind
from servicekit.errors import Invalid

from lead_intake.domain.consents import ConsentEvent
from lead_intake.domain.subjects import (
    WECHAT_LENGTH_MAX,
    Point,
    PointKind,
    email_key,
    wechat_key,
)
from lead_intake.domain.suppressions import Purpose
from lead_intake.normalising.phone_numbers import first_complete, read_phones

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from lead_intake.domain.consents import Receipt
    from lead_intake.domain.retention import Certificate
    from lead_intake.domain.subjects import Answered, SubjectRequest
    from lead_intake.domain.suppressions import Suppression
    from lead_intake.seals import Seals

EMAIL_LENGTH_MAX = 254
PHONE_LENGTH_MAX = 40


def named_point(subject: pb.Subject, seals: Seals) -> Point | UUID:
    """The contact point that names a person, or the lead that stands for them; raises `Invalid`."""
    match subject.WhichOneof("named_by"):
        case "phone":
            return Point(PointKind.PHONE, seals.phones.of(_phone(subject.phone)))
        case "email":
            return Point(PointKind.EMAIL, seals.emails.of(_email(subject.email)))
        case "wechat":
            return Point(PointKind.WECHAT, seals.wechats.of(_wechat(subject.wechat)))
        case "lead_id":
            return _lead_id(subject.lead_id)
        case _:
            raise Invalid("a person is named by a phone, an e-mail, a WeChat id or a lead")


def purpose(stated: pb.SuppressionPurpose.ValueType) -> Purpose:
    """For what somebody is left alone; raises `Invalid` when it is not said."""
    try:
        return Purpose(stated)
    except ValueError:
        raise Invalid("a purpose is marketing, contact or all") from None


def consents_response(receipts: Sequence[Receipt]) -> pb.ListConsentsResponse:
    """The receipts of a person."""
    return pb.ListConsentsResponse(consents=map(_receipt, receipts))


def suppressions_response(
    entries: Sequence[Suppression], next_page_token: str
) -> pb.ListSuppressionsResponse:
    """A page of the list."""
    return pb.ListSuppressionsResponse(
        suppressions=map(_suppression, entries), next_page_token=next_page_token
    )


def request_response(
    request: SubjectRequest, answered: Sequence[Answered]
) -> pb.GetSubjectRequestResponse:
    """A request and who has answered."""
    return pb.GetSubjectRequestResponse(
        request=request_message(request), answers=map(_answer, answered)
    )


def request_message(request: SubjectRequest) -> pb.SubjectRequest:
    """One request."""
    message = pb.SubjectRequest(
        request_id=str(request.request_id),
        kind=SubjectRequestKind.ValueType(request.kind),
        state=pb.SubjectRequestState.ValueType(request.state),
        requested_by=request.requested_by,
        reason=request.reason,
        lead_count=len(request.lead_ids),
        is_overdue=request.is_overdue,
        is_downloadable=request.is_downloadable,
    )
    message.requested_at.FromDatetime(request.requested_at)
    message.due_at.FromDatetime(request.due_at)
    if request.completed_at is not None:
        message.completed_at.FromDatetime(request.completed_at)
    return message


def certificates_response(
    certificates: Sequence[Certificate], next_page_token: str
) -> pb.ListCertificatesResponse:
    """A page of deletion certificates."""
    return pb.ListCertificatesResponse(
        certificates=map(_certificate, certificates), next_page_token=next_page_token
    )


def _receipt(receipt: Receipt) -> pb.ConsentReceipt:
    message = pb.ConsentReceipt(
        consent_id=str(receipt.consent_id),
        lead_id=str(receipt.lead_id or ""),
        is_withdrawal=receipt.event is ConsentEvent.WITHDRAWN,
        notice_version=receipt.consent.notice_version,
        purposes=receipt.consent.purposes,
        basis=receipt.consent.basis,
        delivery_id=str(receipt.delivery_id or ""),
        form_version=receipt.form_version,
    )
    message.recorded_at.FromDatetime(receipt.recorded_at)
    if receipt.consent.at is not None:
        message.given_at.FromDatetime(receipt.consent.at)
    return message


def _suppression(entry: Suppression) -> pb.Suppression:
    message = pb.Suppression(
        index=entry.index.hex(),
        kind=entry.kind.name.lower(),
        purpose=pb.SuppressionPurpose.ValueType(entry.purpose),
        reason=entry.reason,
        suppressed_by=entry.suppressed_by,
        lifted_by=entry.lifted_by or "",
        request_id=str(entry.request_id or ""),
    )
    message.suppressed_at.FromDatetime(entry.suppressed_at)
    if entry.lifted_at is not None:
        message.lifted_at.FromDatetime(entry.lifted_at)
    return message


def _answer(answered: Answered) -> pb.SubjectAnswer:
    message = pb.SubjectAnswer(
        service=answered.service,
        is_complete=answered.is_complete,
        record_count=answered.record_count,
        holds=answered.holds,
    )
    if answered.answered_at is not None:
        message.answered_at.FromDatetime(answered.answered_at)
    return message


def _certificate(certificate: Certificate) -> pb.DeletionCertificate:
    message = pb.DeletionCertificate(
        certificate_id=str(certificate.certificate_id),
        data_class=certificate.data_class,
        run=certificate.run,
        policy_version=certificate.policy_version,
        deleted_count=certificate.deleted_count,
        digest=certificate.digest.hex(),
    )
    stamps: tuple[tuple[Timestamp, object], ...] = (
        (message.oldest_at, certificate.oldest_at),
        (message.newest_at, certificate.newest_at),
        (message.begun_at, certificate.begun_at),
        (message.deleted_at, certificate.deleted_at),
    )
    for stamp, moment in stamps:
        stamp.FromDatetime(moment)  # type: ignore[arg-type]  # each is a datetime
    return message


def _phone(written: str) -> str:
    number = first_complete(read_phones(written)) if len(written) <= PHONE_LENGTH_MAX else None
    if number is None:
        raise Invalid("this is no complete phone number")
    return number.e164


def _email(written: str) -> str:
    key = email_key(written)
    if not 0 < len(key) <= EMAIL_LENGTH_MAX or "@" not in key:
        raise Invalid("this is no e-mail address")
    return key


def _wechat(written: str) -> str:
    key = wechat_key(written)
    if not 0 < len(key) <= WECHAT_LENGTH_MAX:
        raise Invalid("this is no WeChat id")
    return key


def _lead_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("a lead id is a UUID") from None
