"""Writing down what became of messages, in one transaction for all that were answered meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit import metrics

from notification.commands.receipts import take_proofs
from notification.domain.media import ANSWER_PROVES_DELIVERY, Medium
from notification.domain.sending import (
    Failed,
    Postponed,
    Rejected,
    SendState,
    Taken,
    verdict,
)
from notification.store import recipients, reminders, sends
from notification.wire.events import Stating

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from notification.domain.kinds import Policy
    from notification.domain.sending import Answer, Bundle, Verdict

    Judged = tuple[Bundle, Answer, Verdict]

_RETRIED = metrics.REMINDERS.labels(outcome="retried")
ERROR_CHARS_MAX = 200


async def record_answers(
    uow: UnitOfWork,
    answers: Sequence[tuple[Bundle, Answer]],
    *,
    policy: Policy,
    delays_s: Sequence[float],
) -> None:
    """Writes answers, lets reminders follow, states what was taken, and disables addresses that are gone."""
    judged = [
        (bundle, answer, verdict(answer, attempt_count=bundle.attempt_count, delays_s=delays_s))
        for bundle, answer in answers
    ]
    moot = [parcel for bundle, _ in answers for parcel in bundle.parcels if parcel.is_moot]
    if moot:
        await sends.drop(uow.raw, [parcel.send_id for parcel in moot])
    proved = [each for each in judged if _is_proved(*each)]
    others = [each for each in judged if not _is_proved(*each)]
    written = await sends.record(uow.raw, [_outcome(*each) for each in others])
    unproved = [parcel for bundle, _, _ in others for parcel in bundle.parcels]
    waits_s = {p.reminder_id: _wait_s(policy, p.kind) for p in (*unproved, *moot)}
    await reminders.settle(uow.raw, waits_s, now=uow.now)
    moved = [parcel.reminder_id for parcel in moot if parcel.is_moved]
    if moved:
        await reminders.reroute(uow.raw, moved, now=uow.now)
    _state(uow, others, written)
    await _prove(uow, proved)
    await _disable(uow, others)


def _is_proved(bundle: Bundle, _: Answer, outcome: Verdict) -> bool:
    """Whether the answer itself is a receipt."""
    return isinstance(outcome, Taken) and bundle.medium in ANSWER_PROVES_DELIVERY


async def _prove(uow: UnitOfWork, judged: Sequence[Judged]) -> None:
    traces = {
        parcel.reminder_id: parcel.subject.traceparent
        for bundle, _, _ in judged
        for parcel in bundle.parcels
    }
    answered = [(bundle.bundle_id, answer.at) for bundle, answer, _ in judged]
    await take_proofs(uow, answered, traces=traces)


def _state(uow: UnitOfWork, judged: Sequence[Judged], written: set[UUID]) -> None:
    """States what providers took, and counts what will be tried again."""
    for bundle, answer, outcome in judged:
        sent = [p for p in bundle.parcels if p.send_id in written and not p.is_moot]
        match outcome:
            case Postponed():
                _RETRIED.inc(len(sent))
            case Taken():
                for parcel in sent:
                    who = bundle.recipient_id
                    stating = Stating(parcel.reminder_id, parcel.kind, who, parcel.subject)
                    event = stating.accepted(bundle.medium.value, at=answer.at)
                    uow.publish(event, key=stating.key, cause=stating.cause)


async def _disable(uow: UnitOfWork, judged: Sequence[Judged]) -> None:
    gone = [b for b, answer, _ in judged if isinstance(answer, Rejected) and answer.is_gone]
    webhooks = [b.recipient_id for b in gone if b.medium is Medium.WEBHOOK]
    others = sorted(
        {(b.recipient_id, b.medium.value, b.device.value) for b in gone}
        - {(id_, Medium.WEBHOOK.value, "") for id_ in webhooks}
    )
    if webhooks:
        await recipients.disable_webhooks(uow.raw, webhooks, now=uow.now)
    if others:
        await recipients.disable_addresses(uow.raw, others, now=uow.now)


def _outcome(
    bundle: Bundle, answer: Answer, outcome: Verdict
) -> tuple[UUID, SendState, int, datetime, str, str, str, datetime]:
    match outcome:
        case Taken(attempts, message_id):
            row = (SendState.ACCEPTED, attempts, answer.at, "", "", message_id[:200])
        case Postponed(attempts, next_attempt_at, reason, error):
            row = (SendState.QUEUED, attempts, next_attempt_at, reason.value, _short(error), "")
        case Failed(attempts, reason, error):
            row = (SendState.REFUSED, attempts, answer.at, reason.value, _short(error), "")
    return (bundle.bundle_id, *row, answer.at)


def _short(error: str) -> str:
    return error[:ERROR_CHARS_MAX]


def _wait_s(policy: Policy, kind: str) -> float:
    known = policy.kinds.get(kind)
    return known.receipt_within_s if known else policy.give_up_after_s
