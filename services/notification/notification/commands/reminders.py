"""Keeping reminders, and writing down what became of those that were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit import metrics

from notification import store, wire
from notification.domain import (
    Bundle,
    Delivered,
    Failed,
    NotTaken,
    Postponed,
    State,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from notification.domain import Answer, Reminder, Verdict

_DELIVERED = metrics.REMINDERS.labels(outcome="delivered")
_RETRIED = metrics.REMINDERS.labels(outcome="retried")
_FAILED = metrics.REMINDERS.labels(outcome="failed")


async def keep_reminders(uow: UnitOfWork, reminders: Sequence[Reminder]) -> None:
    """Writes reminders to be sent; one for each lead, kind and assignment."""
    if reminders:
        await store.add(uow.raw, reminders, now=uow.now)


async def record_answers(
    uow: UnitOfWork, answers: Sequence[tuple[Bundle, Answer]], *, delays_s: Sequence[float]
) -> None:
    """Writes what became of bundles that were sent, publishes what is final, and disables who is gone."""
    judged = [
        (bundle, answer, verdict(answer, attempt_count=bundle.attempt_count, delays_s=delays_s))
        for bundle, answer in answers
    ]
    written = await store.record(uow.raw, [_outcome(*each) for each in judged])
    for bundle, answer, outcome in judged:
        ended = [r for r in bundle.reminders if r.reminder_id in written]
        _publish(uow, ended, outcome, at=answer.at)
    gone = [b.recipient_id for b, a, _ in judged if isinstance(a, NotTaken) and a.gone]
    if gone:
        await store.disable(uow.raw, gone, now=uow.now)


def _outcome(
    bundle: Bundle, answer: Answer, outcome: Verdict
) -> tuple[UUID, State, int, datetime, str, datetime]:
    match outcome:
        case Delivered(attempts):
            row = (State.DELIVERED, attempts, answer.at, "")
        case Postponed(attempts, next_attempt_at, error):
            row = (State.DUE, attempts, next_attempt_at, error)
        case Failed(attempts, _, error):
            row = (State.FAILED, attempts, answer.at, error)
    return (bundle.webhook_id, *row, answer.at)


def _publish(
    uow: UnitOfWork, reminders: Sequence[Reminder], outcome: Verdict, *, at: datetime
) -> None:
    match outcome:
        case Delivered(attempts):
            _DELIVERED.inc(len(reminders))
            for reminder in reminders:
                event = wire.delivered(reminder, attempt_count=attempts, at=at)
                uow.publish(event, key=event.lead_id, cause=reminder.traceparent)
        case Failed(attempts, reason, _):
            _FAILED.inc(len(reminders))
            for reminder in reminders:
                failure = wire.failed(reminder, attempt_count=attempts, reason=reason, at=at)
                uow.publish(failure, key=failure.lead_id, cause=reminder.traceparent)
        case Postponed():
            _RETRIED.inc(len(reminders))
