"""Taking receipts: of beacons, of carriers, and of answers that are one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit import metrics

from notification.domain.media import Medium
from notification.domain.receipts import Receipt, ReceiptKind
from notification.store import receipts as store
from notification.store import reminders, sends
from notification.store.reminders import subject_of
from notification.wire.events import Stating

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from notification.domain.receipts import CarrierReceipt

_DELIVERED = metrics.REMINDERS.labels(outcome="delivered")
CARRIER = "carrier"


async def take_receipts(uow: UnitOfWork, receipts: Sequence[Receipt]) -> None:
    """Writes receipts once and states what they newly prove; one of a message that is not ours is left out."""
    for row in await store.take(uow.raw, receipts):
        _state(uow, row, row["traceparent"])


async def take_proofs(
    uow: UnitOfWork,
    answered: Sequence[tuple[UUID, datetime]],
    *,
    traces: Mapping[UUID, str | None],
) -> None:
    """Writes bundles whose answers, each at its time, say that they arrived, and states it.

    `traces` is the trace in which a reminder's delivery is stated, by reminder.
    """
    for row in await store.prove(uow.raw, answered):
        _state(uow, row, traces.get(row["reminder_id"]) or row["traceparent"])


async def take_carrier_receipts(uow: UnitOfWork, told: Sequence[CarrierReceipt]) -> None:
    """Writes what carriers say of messages that they were given; one that did not arrive lets the next route begin."""
    found = await _messages(uow, told)
    await take_receipts(
        uow,
        [
            Receipt(
                send_id,
                ReceiptKind.DELIVERED if each.is_delivered else ReceiptKind.UNDELIVERED,
                each.at,
                CARRIER,
            )
            for send_id, each in found
        ],
    )
    failures = [(send_id, f"carrier {r.code}") for send_id, r in found if not r.is_delivered]
    if failures:
        lost = await sends.refuse(uow.raw, failures)
        await reminders.restart(uow.raw, lost, now=uow.now)


async def _messages(
    uow: UnitOfWork, told: Sequence[CarrierReceipt]
) -> list[tuple[UUID, CarrierReceipt]]:
    by_ours = {r.our_reference: r for r in told if r.our_reference is not None}
    by_theirs = {(r.medium, r.message_id): r for r in told if r.message_id}
    message_ids = [message_id for _, message_id in by_theirs]
    rows = await sends.by_reference(uow.raw, {r.medium for r in told}, list(by_ours), message_ids)
    found = []
    for row in rows:
        theirs = (Medium(row["medium"]), row["provider_message_id"])
        said = by_ours.get(row["send_id"]) or by_theirs.get(theirs)
        if said is not None:
            found.append((row["send_id"], said))
    return found


def _state(uow: UnitOfWork, row: Any, trace: str | None) -> None:
    subject = subject_of(row)
    stating = Stating(row["reminder_id"], row["kind_name"], row["recipient_id"], subject)
    if row["is_new"]:
        _DELIVERED.inc()
        tries = max(1, row["attempt_count"])
        event = stating.delivered(row["medium"], attempt_count=tries, at=row["at"])
        uow.publish(event, key=stating.key, cause=trace)
    if row["is_first_seen"]:
        read = stating.read(row["medium"], at=row["seen_at"])
        uow.publish(read, key=stating.key, cause=trace)
