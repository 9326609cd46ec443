"""Outside facts that are not leads, as they travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from leadchain.intake.v1 import facts_events_pb2 as pb

from lead_intake.domain.facts import (
    Account,
    CompanyRisk,
    Contract,
    ContractStatus,
    Interaction,
    InteractionKind,
    Payment,
    PaymentStatus,
    Receipt,
    Record,
    Ticket,
)
from lead_intake.domain.leads import Contact
from lead_intake.wire.inquiries import TRUST, sealed_contact
from lead_intake.wire.stamps import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from servicekit.events import Event

    from lead_intake.domain.conversations import Line
    from lead_intake.domain.facts import Fact
    from lead_intake.domain.leads import Item
    from lead_intake.seals import Seals

_NOBODY = Contact()
_CONTRACT = {
    ContractStatus.SIGNED: pb.CONTRACT_STATUS_SIGNED,
    ContractStatus.SIGNER_SIGNED: pb.CONTRACT_STATUS_SIGNER_SIGNED,
    ContractStatus.REVOKED: pb.CONTRACT_STATUS_REVOKED,
    ContractStatus.EXPIRED: pb.CONTRACT_STATUS_EXPIRED,
    ContractStatus.REJECTED: pb.CONTRACT_STATUS_REJECTED,
}
_PAYMENT = {
    PaymentStatus.RECEIVED: pb.PAYMENT_STATUS_RECEIVED,
    PaymentStatus.REFUNDED: pb.PAYMENT_STATUS_REFUNDED,
    PaymentStatus.CLOSED: pb.PAYMENT_STATUS_CLOSED,
    PaymentStatus.PENDING: pb.PAYMENT_STATUS_PENDING,
}
_INTERACTION = {
    InteractionKind.CALL: pb.INTERACTION_KIND_CALL,
    InteractionKind.CHAT: pb.INTERACTION_KIND_CHAT,
    InteractionKind.MEETING: pb.INTERACTION_KIND_MEETING,
    InteractionKind.EMAIL: pb.INTERACTION_KIND_EMAIL,
    InteractionKind.CONTACT_CHANGE: pb.INTERACTION_KIND_CONTACT_CHANGE,
}
_COUNTS = (
    "daily_active_count",
    "account_count",
    "contracted_module_count",
    "delivered_module_count",
    "recent_payment_count",
    "recent_payment_on_time_count",
    "visit_count_30d",
    "executive_contact_count_30d",
)
_MOMENTS = ("measured_at", "agreement_ends_at", "last_login_at", "last_order_at")


def fact_event(item: Item, fact: Fact, seals: Seals) -> Event:
    """The event that tells of a fact."""
    match fact:
        case Interaction():
            event: Event = _interaction(item, fact, seals)
        case Record():
            event = _record(item, fact, seals)
        case _:
            event = _PLAIN[type(fact)](fact)
    _set_origin(event.origin, item)  # type: ignore[attr-defined]  # every one of them has it
    _set_subject(event.subject, item, fact, seals)  # type: ignore[attr-defined]
    return event


def _set_origin(target: pb.FactOrigin, item: Item) -> None:
    origin = item.origin
    target.item_id = str(item.lead_id)
    target.channel = origin.channel
    target.account = origin.account
    target.trust = TRUST[origin.trust]
    target.external_id = item.finding.external_id or ""
    target.mapping_version = origin.mapping_version
    stamp(target.received_at, origin.received_at)


def _set_subject(target: pb.FactSubject, item: Item, fact: Fact, seals: Seals) -> None:
    contact = fact.subject.contact
    target.reference = fact.subject.reference
    if contact != _NOBODY:
        target.sealed_contact = sealed_contact(contact, item.lead_id, seals)
    if contact.phone_e164:
        target.phone_index = seals.phones.of(contact.phone_key)


def _contract(fact: Contract) -> pb.ContractReported:
    event = pb.ContractReported(contract_id=fact.contract_id, status=_CONTRACT[fact.status])
    stamp(event.reported_at, fact.reported_at)
    return event


def _payment(fact: Payment) -> pb.PaymentReported:
    event = pb.PaymentReported(
        payment_id=fact.payment_id,
        order_no=fact.order_no,
        status=_PAYMENT[fact.status],
        amount_minor=fact.amount_minor,
        currency=fact.currency,
    )
    stamp(event.paid_at, fact.paid_at)
    return event


def _interaction(item: Item, fact: Interaction, seals: Seals) -> pb.InteractionReported:
    event = pb.InteractionReported(
        interaction_id=fact.interaction_id,
        kind=_INTERACTION[fact.kind],
        action=fact.action,
        person=fact.person,
        duration_s=fact.duration_s,
        is_inbound=fact.is_inbound,
        customer_message_count=fact.customer_message_count,
        is_content_cut=fact.is_content_cut,
    )
    if fact.lines or fact.recording_url:
        content = _content(fact.lines)
        content.recording_url = fact.recording_url
        event.sealed_content = seals.seal_content(content.SerializeToString(), item.lead_id)
    stamp(event.started_at, fact.started_at)
    return event


def _content(lines: Iterable[Line]) -> pb.InteractionContent:
    content = pb.InteractionContent()
    for line in lines:
        content.lines.add(is_customer=line.is_customer, text=line.text, at_s=line.at_s)
    return content


def _receipt(fact: Receipt) -> pb.ReceiptReported:
    event = pb.ReceiptReported(
        message_id=fact.message_id,
        our_reference=fact.our_reference,
        is_delivered=fact.is_delivered,
        code=fact.code,
    )
    stamp(event.reported_at, fact.reported_at)
    return event


def _ticket(fact: Ticket) -> pb.TicketReported:
    event = pb.TicketReported(
        ticket_id=fact.ticket_id,
        type=fact.type,
        priority=fact.priority,
        status=fact.status,
        compensation_minor=fact.compensation_minor,
        compensation_currency=fact.compensation_currency,
    )
    stamp(event.opened_at, fact.opened_at)
    stamp(event.closed_at, fact.closed_at)
    return event


def _record(item: Item, fact: Record, seals: Seals) -> pb.SourceRecordChanged:
    fields = msgspec.json.encode(fact.fields)
    event = pb.SourceRecordChanged(
        system=fact.system,
        entity=fact.entity,
        record_key=fact.record_key,
        is_deleted=fact.is_deleted,
        sealed_fields=seals.seal_contact(fields, item.lead_id),
    )
    stamp(event.modified_at, fact.modified_at)
    return event


def _account(fact: Account) -> pb.AccountReported:
    event = pb.AccountReported(
        account_id=fact.account_id,
        member_level=fact.member_level,
        **{name: getattr(fact, name) for name in _COUNTS},
    )
    for name in _MOMENTS:
        stamp(getattr(event, name), getattr(fact, name))
    return event


def _company_risk(fact: CompanyRisk) -> pb.CompanyRiskReported:
    event = pb.CompanyRiskReported(
        risk_id=fact.risk_id, kind=fact.kind, severity=fact.severity, case_count=fact.case_count
    )
    stamp(event.detected_at, fact.detected_at)
    return event


_PLAIN: Mapping[type[Fact], Callable[[Any], Event]] = {
    Contract: _contract,
    Payment: _payment,
    Receipt: _receipt,
    Ticket: _ticket,
    Account: _account,
    CompanyRisk: _company_risk,
}
"""Facts that seal nothing of their own, beside whom they are about."""
