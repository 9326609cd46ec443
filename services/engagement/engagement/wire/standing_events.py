"""What engagement states about how accounts stand, and the figures that other systems state."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp
from leadchain.engagement.v1 import standing_events_pb2 as pb

from engagement.domain.standings import Figure, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from leadchain.identity.v1.events_pb2 import FactIdentified
    from leadchain.intake.v1.facts_events_pb2 import AccountReported

    from engagement.domain.health import Fall, HealthPolicy
    from engagement.domain.opportunities import Opportunity
    from engagement.domain.standings import Sleeper, Value
    from engagement.domain.tasks import Task

_WORD_CHARS_MAX = 64
_FIGURES = {field.name for field in fields(Standing)} - {"golden_id"}


def figures(events: Iterable[FactIdentified]) -> list[Figure]:
    """The figures in facts about known customers' accounts; one that says no time was true when it was received."""
    accounts = (event for event in events if event.WhichOneof("fact") == "account")
    return [each for event in accounts if event.golden_id for each in _figures(event)]


def renewal_endangered(
    known: Standing, opportunity: Opportunity, task: Task
) -> pb.RenewalEndangered:
    """The fact that a customer may not go on."""
    event = pb.RenewalEndangered(**_whose(known.golden_id, opportunity), task_id=str(task.task_id))
    event.touch_due_at.FromDatetime(task.due_at)
    if known.agreement_ends_at is not None:
        event.agreement_ends_at.FromDatetime(known.agreement_ends_at)
    if known.last_login_at is not None:
        event.last_login_at.FromDatetime(known.last_login_at)
    return event


def health_declined(
    golden_id: str, found: Fall, opportunity: Opportunity, task: Task, policy: HealthPolicy
) -> pb.HealthDeclined:
    """The fact that a customer does worse and worse."""
    score = found.newest.score or 0
    event = pb.HealthDeclined(
        **_whose(golden_id, opportunity),
        score=score,
        earlier_score=found.since.score or 0,
        level=policy.level(score),
        week_count=found.week_count,
        task_id=str(task.task_id),
    )
    event.talk_due_at.FromDatetime(task.due_at)
    return event


def dormant_stirred(found: Sleeper, opportunity: Opportunity) -> pb.DormantCustomerStirred:
    """The fact that a customer may be woken."""
    event = pb.DormantCustomerStirred(
        **_whose(found.golden_id, opportunity),
        visit_count=found.visit_count,
        member_level=found.member_level,
    )
    event.last_order_at.FromDatetime(found.last_order_at)
    return event


def _figures(event: FactIdentified) -> Iterator[Figure]:
    told = event.account
    measured_at = _measured_at(told)
    for field, value in told.ListFields():
        if field.name in _FIGURES:
            yield Figure(event.golden_id, field.name, _plain(value), measured_at)


def _plain(value: Any) -> Value:
    match value:
        case Timestamp():
            return value.ToDatetime(tzinfo=UTC)
        case str():
            return value[:_WORD_CHARS_MAX]
        case _:
            return int(value)


def _measured_at(told: AccountReported) -> datetime:
    """When the figures were true, which is not after they were received."""
    received = told.origin.received_at.ToDatetime(tzinfo=UTC)
    if not told.HasField("measured_at"):
        return received
    measured = told.measured_at.ToDatetime(tzinfo=UTC)
    return min(measured, received) if told.origin.HasField("received_at") else measured


def _whose(golden_id: str, opportunity: Opportunity) -> dict[str, Any]:
    return {
        "golden_id": golden_id,
        "lead_id": str(opportunity.lead_id),
        "owner_id": opportunity.owner_id or "",
    }
