"""What engagement states about stages and deals, and the contracts and payments that other systems state."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from leadchain.engagement.v1 import stage_events_pb2 as pb
from leadchain.intake.v1 import facts_events_pb2 as intake

from engagement.domain.money import Contract, ContractState, Payment, PaymentState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.identity.v1.events_pb2 import FactIdentified

    from engagement.domain.opportunities import Opportunity
    from engagement.domain.stages import Deal, Move, Standing, Stay
    from engagement.seals import Seals

_NUMBER_CHARS_MAX = 64
_REFERENCE_CHARS_MAX = 200
_CONTRACT_STATES = {
    intake.CONTRACT_STATUS_SIGNED: ContractState.SIGNED,
    intake.CONTRACT_STATUS_SIGNER_SIGNED: ContractState.PENDING,
    intake.CONTRACT_STATUS_REVOKED: ContractState.VOID,
    intake.CONTRACT_STATUS_EXPIRED: ContractState.VOID,
    intake.CONTRACT_STATUS_REJECTED: ContractState.VOID,
}
_PAYMENT_STATES = {
    intake.PAYMENT_STATUS_RECEIVED: PaymentState.RECEIVED,
    intake.PAYMENT_STATUS_REFUNDED: PaymentState.REFUNDED,
    intake.PAYMENT_STATUS_CLOSED: PaymentState.CLOSED,
    intake.PAYMENT_STATUS_PENDING: PaymentState.PENDING,
}


def contracts(events: Iterable[FactIdentified], seals: Seals) -> list[Contract]:
    """The contracts among facts, whose state is stated."""
    return [
        _contract(event, seals)
        for event in events
        if event.WhichOneof("fact") == "contract" and event.contract.status in _CONTRACT_STATES
    ]


def payments(events: Iterable[FactIdentified], seals: Seals) -> list[Payment]:
    """The payments among facts, whose state is stated; a refund is one of its own."""
    return [
        _payment(event, seals)
        for event in events
        if event.WhichOneof("fact") == "payment" and event.payment.status in _PAYMENT_STATES
    ]


def stage_moved(opportunity: Opportunity, move: Move) -> pb.StageMoved:
    """The fact that an opportunity is at another stage."""
    event = pb.StageMoved(
        lead_id=str(move.lead_id),
        golden_id=opportunity.golden_id,
        owner_id=opportunity.owner_id or "",
        from_stage=move.origin,
        to_stage=move.to,
        move_no=move.move_no,
        cause=pb.MoveCause.ValueType(move.cause),
        moved_by=move.moved_by,
        evidence=move.evidence,
        machine_version=move.machine_version,
        channel=opportunity.channel,
    )
    event.received_at.FromDatetime(opportunity.received_at)
    return event


def stage_looped(opportunity: Opportunity, stage: str) -> pb.StageLooped:
    """The fact that an opportunity goes round in circles."""
    return pb.StageLooped(
        lead_id=str(opportunity.lead_id),
        golden_id=opportunity.golden_id,
        owner_id=opportunity.owner_id or "",
        stage=stage,
    )


def stage_overdue(stay: Stay) -> pb.StageOverdue:
    """The fact that an opportunity does not get on."""
    event = pb.StageOverdue(
        lead_id=str(stay.lead_id),
        golden_id=stay.golden_id,
        owner_id=stay.owner_id or "",
        stage=stay.stage,
    )
    event.since.FromDatetime(stay.since)
    return event


def deal_won(opportunity: Opportunity, deal: Deal, *, received_minor: int) -> pb.DealWon:
    """The fact that a deal is won."""
    event = pb.DealWon(
        lead_id=str(opportunity.lead_id),
        golden_id=opportunity.golden_id,
        owner_id=opportunity.owner_id or "",
        contract_no=deal.contract_no,
        amount_minor=deal.amount_minor or 0,
        received_minor=received_minor,
        currency=deal.currency,
        channel=opportunity.channel,
    )
    event.received_at.FromDatetime(opportunity.received_at)
    return event


def deal_lost(opportunity: Opportunity, standing: Standing, *, reason: str, by: str) -> pb.DealLost:
    """The fact that a deal is lost."""
    event = pb.DealLost(
        lead_id=str(opportunity.lead_id),
        golden_id=opportunity.golden_id,
        owner_id=opportunity.owner_id or "",
        stage=standing.stage,
        reason=reason,
        closed_by=by,
        channel=opportunity.channel,
    )
    event.received_at.FromDatetime(opportunity.received_at)
    return event


def payment_matched(payment: Payment, opportunity: Opportunity | None) -> pb.PaymentMatched:
    """The fact that it is known which deal a payment is for, or why it is for none."""
    return pb.PaymentMatched(
        payment_id=str(payment.payment_id),
        lead_id=str(payment.lead_id or ""),
        owner_id=(opportunity.owner_id or "") if opportunity else "",
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        problem=payment.problem,
    )


def _contract(event: FactIdentified, seals: Seals) -> Contract:
    told = event.contract
    origin = told.origin
    return Contract(
        contract_id=seals.contract_id(origin.channel, origin.account, told.contract_id),
        number=told.contract_id[:_NUMBER_CHARS_MAX],
        state=_CONTRACT_STATES[told.status],
        reported_at=_moment(told.reported_at, event.occurred_at),
        golden_id=event.golden_id,
        reference=told.subject.reference[:_REFERENCE_CHARS_MAX],
    )


def _payment(event: FactIdentified, seals: Seals) -> Payment:
    told = event.payment
    origin = told.origin
    is_refund = told.status == intake.PAYMENT_STATUS_REFUNDED
    own_id = f"refund/{origin.external_id}" if is_refund else told.payment_id
    return Payment(
        payment_id=seals.payment_id(origin.channel, origin.account, own_id),
        voucher_no=told.payment_id[:_REFERENCE_CHARS_MAX],
        order_no=told.order_no[:_REFERENCE_CHARS_MAX],
        state=_PAYMENT_STATES[told.status],
        amount_minor=told.amount_minor,
        currency=told.currency[:3],
        paid_at=_moment(told.paid_at, event.occurred_at),
        golden_id=event.golden_id,
        reference=told.subject.reference[:_REFERENCE_CHARS_MAX],
    )


def _moment(stamp: Timestamp, otherwise: Timestamp) -> datetime:
    told = stamp if stamp.ToNanoseconds() else otherwise
    return told.ToDatetime(tzinfo=UTC)
