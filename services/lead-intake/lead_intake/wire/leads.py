"""Between the contracts and what lead-intake decides about."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from leadchain.intake.v1 import events_pb2, intake_service_pb2

from lead_intake.domain.leads import (
    AwaitingBody,
    ItemState,
    Precision,
    Quarantined,
    Rejected,
    Trust,
    Understood,
)
from lead_intake.store.items import ItemRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from google.protobuf.timestamp_pb2 import Timestamp
    from servicekit.events import Event

    from lead_intake.domain.leads import Contact, Inquiry, Item
    from lead_intake.seals import Seals
    from lead_intake.store.accounts import AccountTraffic
    from lead_intake.store.items import KeptLead, QuarantinedItem

_TRUST = {Trust.STRONG: events_pb2.TRUST_STRONG, Trust.WEAK: events_pb2.TRUST_WEAK}
_PRECISION = {
    Precision.UNKNOWN: events_pb2.REGION_PRECISION_UNSPECIFIED,
    Precision.PROVINCE: events_pb2.REGION_PRECISION_PROVINCE,
    Precision.CITY: events_pb2.REGION_PRECISION_CITY,
    Precision.AMBIGUOUS: events_pb2.REGION_PRECISION_AMBIGUOUS,
}
_STATE_NAMES = {ItemState.REJECTED: "rejected", ItemState.QUARANTINED: "quarantined"}


def record_of(item: Item, seals: Seals) -> tuple[ItemRecord, Event | None]:
    """An item as it is kept, and the event that tells of it; None while its body is awaited."""
    match item.finding:
        case Understood(inquiry, external_id):
            facts = _facts(item, inquiry, external_id or "", seals)
            event = events_pb2.LeadReceived(lead_id=str(item.lead_id), facts=facts)
            record = _record(item, ItemState.ACCEPTED, external_id, facts=facts.SerializeToString())
            return record, event
        case Rejected(reason, external_id):
            record = _record(item, ItemState.REJECTED, external_id, reason=reason)
            return record, _rejected(item, reason)
        case Quarantined(reason, detail, external_id):
            record = _record(
                item, ItemState.QUARANTINED, external_id, reason=reason, detail=detail[:200]
            )
            return record, _quarantined(item, reason)
        case AwaitingBody(external_id):
            return _record(item, ItemState.AWAITING_BODY, external_id), None


def accounts_response(
    accounts: Sequence[AccountTraffic],
) -> intake_service_pb2.ListAccountsResponse:
    """The accounts and their traffic."""
    response = intake_service_pb2.ListAccountsResponse()
    for each in accounts:
        account = response.accounts.add(channel=each.channel, account=each.account)
        if each.last_delivery_at is not None:
            account.last_delivery_at.FromDatetime(each.last_delivery_at)
    return response


def lead_response(lead: KeptLead) -> intake_service_pb2.GetLeadResponse:
    """One lead, without its sealed contact."""
    response = intake_service_pb2.GetLeadResponse(
        lead_id=str(lead.lead_id),
        state=_STATE_NAMES.get(lead.state, "received"),
        reason=lead.reason or "",
        trace_id=lead.traceparent[3:35] if lead.traceparent else "",
    )
    if lead.facts is not None:
        response.facts.ParseFromString(lead.facts)
        response.facts.ClearField("sealed_contact")
    return response


def quarantined_response(
    items: Sequence[QuarantinedItem], next_page_token: str
) -> intake_service_pb2.ListQuarantinedResponse:
    """A page of quarantined items."""
    response = intake_service_pb2.ListQuarantinedResponse(next_page_token=next_page_token)
    for each in items:
        item = response.items.add(
            lead_id=str(each.lead_id),
            channel=each.channel,
            account=each.account,
            reason=each.reason,
            detail=each.detail,
        )
        item.received_at.FromDatetime(each.received_at)
    return response


def _record(
    item: Item,
    state: ItemState,
    external_id: str | None,
    *,
    reason: str | None = None,
    detail: str | None = None,
    facts: bytes | None = None,
) -> ItemRecord:
    origin = item.origin
    return ItemRecord(
        item.lead_id,
        origin.delivery_id,
        item.position,
        origin.account_id,
        origin.account,
        origin.channel,
        external_id,
        origin.received_at,
        state,
        reason,
        detail,
        facts,
        origin.mapping_version,
        origin.traceparent,
    )


def _facts(item: Item, inquiry: Inquiry, external_id: str, seals: Seals) -> events_pb2.LeadFacts:
    origin, contact, region = item.origin, inquiry.contact, inquiry.region
    facts = events_pb2.LeadFacts(
        channel=origin.channel,
        account=origin.account,
        external_id=external_id,
        trust=_TRUST[origin.trust],
        industry=inquiry.industry,
        source_kind=inquiry.source_kind,
        first_action=inquiry.first_action,
        sealed_contact=_sealed(contact, item.lead_id, seals),
        phone_index=seals.phones.of(contact.phone_e164) if contact.phone_e164 else b"",
        phone_display=inquiry.phone_display,
        mapping_version=origin.mapping_version,
    )
    facts.region.province = region.province
    facts.region.city = region.city
    facts.region.precision = _PRECISION[region.precision]
    _stamp(facts.received_at, origin.received_at)
    _stamp(facts.inquired_at, inquiry.inquired_at or origin.received_at)
    return facts


def _sealed(contact: Contact, lead_id: UUID, seals: Seals) -> bytes:
    message = events_pb2.Contact(
        name=contact.name,
        phone_e164=contact.phone_e164,
        masked_phone=contact.masked_phone,
        email=contact.email,
        company=contact.company,
        uscc=contact.uscc,
    )
    return seals.seal_contact(message.SerializeToString(), lead_id)


def _rejected(item: Item, reason: str) -> events_pb2.LeadRejected:
    event = events_pb2.LeadRejected(
        lead_id=str(item.lead_id), channel=item.origin.channel, reason=reason
    )
    _stamp(event.received_at, item.origin.received_at)
    return event


def _quarantined(item: Item, reason: str) -> events_pb2.DeliveryQuarantined:
    event = events_pb2.DeliveryQuarantined(
        lead_id=str(item.lead_id),
        channel=item.origin.channel,
        account=item.origin.account,
        reason=reason,
    )
    _stamp(event.received_at, item.origin.received_at)
    return event


def _stamp(stamp: Timestamp, moment: datetime) -> None:
    """What `FromDatetime` does, for times with a zone, at a third of its cost."""
    moment = moment.astimezone(UTC)
    stamp.seconds = int(moment.timestamp() // 1)
    stamp.nanos = moment.microsecond * 1000
