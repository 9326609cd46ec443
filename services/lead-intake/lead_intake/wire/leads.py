"""Between the contracts and what lead-intake decides about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1 import events_pb2, intake_service_pb2

from lead_intake.domain.facts import FactKind
from lead_intake.domain.leads import (
    AwaitingBody,
    ItemState,
    Quarantined,
    Rejected,
    Stated,
    Understood,
)
from lead_intake.store.items import ItemRecord
from lead_intake.wire.facts import fact_event
from lead_intake.wire.inquiries import lead_facts
from lead_intake.wire.stamps import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.events import Event

    from lead_intake.domain.leads import Item
    from lead_intake.seals import Seals
    from lead_intake.store.accounts import AccountTraffic
    from lead_intake.store.items import KeptLead

KINDS = {kind: number for number, kind in enumerate(FactKind)}
"""How the store numbers what an item states; leads are 0."""

_STATE_NAMES = {ItemState.REJECTED: "rejected", ItemState.QUARANTINED: "quarantined"}


def record_of(item: Item, seals: Seals) -> tuple[ItemRecord, Event | None]:
    """An item as it is kept, and the event that tells of it; None while its body is awaited."""
    match item.finding:
        case Understood(inquiry, external_id):
            facts = lead_facts(item, inquiry, external_id or "", seals)
            event = events_pb2.LeadReceived(lead_id=str(item.lead_id), facts=facts)
            record = _record(item, ItemState.ACCEPTED, facts=facts.SerializeToString())
            return record, event
        case Stated(fact):
            stated = fact_event(item, fact, seals)
            return _record(item, ItemState.ACCEPTED, facts=stated.SerializeToString()), stated
        case Rejected(reason) as rejected:
            return _record(item, ItemState.REJECTED, reason=reason), _rejected(item, rejected)
        case Quarantined(reason, detail):
            record = _record(item, ItemState.QUARANTINED, reason=reason, detail=detail[:200])
            return record, _quarantined(item, reason)
        case AwaitingBody():
            return _record(item, ItemState.AWAITING_BODY), None


def accounts_response(
    accounts: Sequence[AccountTraffic],
) -> intake_service_pb2.ListAccountsResponse:
    """The accounts and their traffic."""
    response = intake_service_pb2.ListAccountsResponse()
    for each in accounts:
        account = response.accounts.add(
            channel=each.channel, account=each.account, template=each.template
        )
        if each.last_delivery_at is not None:
            account.last_delivery_at.FromDatetime(each.last_delivery_at)
        if each.closed_at is not None:
            account.closed_at.FromDatetime(each.closed_at)
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


def _record(
    item: Item,
    state: ItemState,
    *,
    reason: str | None = None,
    detail: str | None = None,
    facts: bytes | None = None,
) -> ItemRecord:
    origin, finding = item.origin, item.finding
    return ItemRecord(
        item.lead_id,
        origin.delivery_id,
        item.position,
        origin.account_id,
        origin.account,
        origin.channel,
        finding.external_id,
        origin.received_at,
        state,
        reason,
        detail,
        facts,
        origin.mapping_version,
        origin.traceparent,
        KINDS[origin.facts],
        finding.repeats if isinstance(finding, Rejected) else None,
    )


def _rejected(item: Item, finding: Rejected) -> events_pb2.LeadRejected:
    event = events_pb2.LeadRejected(
        lead_id=str(item.lead_id),
        channel=item.origin.channel,
        reason=finding.reason,
        repeats_lead_id=str(finding.repeats) if finding.repeats else "",
    )
    stamp(event.received_at, item.origin.received_at)
    return event


def _quarantined(item: Item, reason: str) -> events_pb2.DeliveryQuarantined:
    event = events_pb2.DeliveryQuarantined(
        lead_id=str(item.lead_id),
        channel=item.origin.channel,
        account=item.origin.account,
        reason=reason,
    )
    stamp(event.received_at, item.origin.received_at)
    return event
