"""What engagement states about what it found, and the tickets that other systems state."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from leadchain.engagement.v1 import watch_events_pb2 as pb

from engagement.domain.watches import CompanyRisk, ServiceRecord

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from leadchain.identity.v1.events_pb2 import FactIdentified

    from engagement.domain.opportunities import Opportunity
    from engagement.domain.tasks import Task
    from engagement.domain.watches import Idle, Split, SplitRule, Unanswered
    from engagement.seals import Seals

_WORD_CHARS_MAX = 64
_REFERENCE_CHARS_MAX = 200
_CURRENCY_CHARS = 3


def tickets(events: Iterable[FactIdentified], seals: Seals) -> list[ServiceRecord]:
    """The tickets among facts."""
    return [_ticket(event, seals) for event in events if event.WhichOneof("fact") == "ticket"]


def risks(events: Iterable[FactIdentified], seals: Seals) -> list[tuple[CompanyRisk, datetime]]:
    """The risks of known customers' companies among facts, each with when it was told."""
    told = (event for event in events if event.WhichOneof("fact") == "company_risk")
    return [_risk(event, seals) for event in told if event.golden_id]


def split_orders(
    golden_id: str,
    split: Split,
    rule: SplitRule,
    opportunity: Opportunity | None,
    task_id: UUID,
) -> pb.SplitOrdersSuspected:
    """The fact that one order may have been split."""
    event = pb.SplitOrdersSuspected(
        golden_id=golden_id,
        lead_id=str(opportunity.lead_id) if opportunity else "",
        owner_id=(opportunity.owner_id or "") if opportunity else "",
        contract_count=len(split.contracts),
        total_minor=split.total_minor,
        currency=rule.currency,
        task_id=str(task_id),
    )
    event.since.FromDatetime(split.contracts[0].signed_at)
    event.until.FromDatetime(split.newest.signed_at)
    return event


def downgraded(found: Unanswered, count: int) -> pb.OpportunityDowngraded:
    """The fact that offers got no answer."""
    event = pb.OpportunityDowngraded(
        lead_id=str(found.lead_id),
        golden_id=found.golden_id,
        owner_id=found.owner_id,
        unanswered_count=count,
    )
    event.since.FromDatetime(found.since)
    return event


def service_trouble(
    record: ServiceRecord, opportunity: Opportunity, kind: str
) -> pb.ServiceTroubleReported:
    """The fact that a customer has trouble with what they bought."""
    event = pb.ServiceTroubleReported(
        golden_id=record.golden_id,
        lead_id=str(opportunity.lead_id),
        owner_id=opportunity.owner_id or "",
        ticket_no=record.ticket_no,
        type=kind,
    )
    event.opened_at.FromDatetime(record.opened_at)
    return event


def compensated(
    record: ServiceRecord, opportunity: Opportunity, task: Task
) -> pb.CustomerCompensated:
    """The fact that a customer was given something for their trouble."""
    amount_minor, currency = record.compensation_minor, record.compensation_currency
    event = pb.CustomerCompensated(
        golden_id=record.golden_id,
        lead_id=str(opportunity.lead_id),
        owner_id=opportunity.owner_id or "",
        ticket_no=record.ticket_no,
        amount_minor=amount_minor,
        currency="" if amount_minor is None else currency,
        amount_display="" if amount_minor is None else f"{amount_minor / 100:.2f} {currency}",
        task_id=str(task.task_id),
    )
    event.call_due_at.FromDatetime(task.due_at)
    return event


def company_risk(
    risk: CompanyRisk, opportunity: Opportunity, task: Task, kind: str
) -> pb.CompanyRiskFound:
    """The fact that a customer's company is at risk."""
    event = pb.CompanyRiskFound(
        golden_id=risk.golden_id,
        lead_id=str(opportunity.lead_id),
        owner_id=opportunity.owner_id or "",
        kind=kind,
        severity=risk.severity,
        case_count=risk.case_count,
        task_id=str(task.task_id),
    )
    event.detected_at.FromDatetime(risk.detected_at)
    return event


def rep_idle(found: Idle, *, manager_id: str) -> pb.RepIdle:
    """The fact that a rep does nothing."""
    event = pb.RepIdle(rep_id=found.rep_id, manager_id=manager_id, open_count=found.open_count)
    event.since.FromDatetime(found.since)
    return event


def _ticket(event: FactIdentified, seals: Seals) -> ServiceRecord:
    told = event.ticket
    origin = told.origin
    occurred_at = event.occurred_at.ToDatetime(tzinfo=UTC)
    opened = told.opened_at if told.opened_at.ToNanoseconds() else event.occurred_at
    closed = told.closed_at if told.closed_at.ToNanoseconds() else None
    return ServiceRecord(
        record_id=seals.ticket_id(origin.channel, origin.account, told.ticket_id),
        ticket_no=told.ticket_id[:_WORD_CHARS_MAX],
        channel=origin.channel[:_WORD_CHARS_MAX],
        golden_id=event.golden_id,
        reference=told.subject.reference[:_REFERENCE_CHARS_MAX],
        type=told.type[:_WORD_CHARS_MAX],
        priority=told.priority[:_WORD_CHARS_MAX],
        status=told.status[:_WORD_CHARS_MAX],
        opened_at=opened.ToDatetime(tzinfo=UTC),
        closed_at=closed.ToDatetime(tzinfo=UTC) if closed else None,
        told_at=occurred_at,
        compensation_minor=told.compensation_minor if told.HasField("compensation_minor") else None,
        compensation_currency=told.compensation_currency[:_CURRENCY_CHARS],
    )


def _risk(event: FactIdentified, seals: Seals) -> tuple[CompanyRisk, datetime]:
    told = event.company_risk
    origin = told.origin
    received_at = origin.received_at.ToDatetime(tzinfo=UTC)
    is_dated = told.HasField("detected_at")
    risk = CompanyRisk(
        risk_id=seals.risk_id(origin.channel, origin.account, told.risk_id),
        golden_id=event.golden_id,
        kind=told.kind[:_WORD_CHARS_MAX],
        severity=told.severity[:_WORD_CHARS_MAX],
        case_count=told.case_count if told.HasField("case_count") else None,
        detected_at=told.detected_at.ToDatetime(tzinfo=UTC) if is_dated else received_at,
    )
    return risk, received_at
