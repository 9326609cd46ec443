"""What carriers say of messages."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

from notification.domain.media import Medium
from notification.domain.receipts import CarrierReceipt

if TYPE_CHECKING:
    from leadchain.intake.v1.facts_events_pb2 import ReceiptReported

CODE_CHARS_MAX = 100
MEDIA = {"wechat_receipts": Medium.WECHAT_MP}
"""Channels of lead-intake whose receipts are of another medium than text messages."""


def carrier_receipt(event: ReceiptReported) -> CarrierReceipt:
    """A carrier's word; it is dated by when it came in where it names no time."""
    stamp = event.reported_at if event.HasField("reported_at") else event.occurred_at
    return CarrierReceipt(
        medium=MEDIA.get(event.origin.channel, Medium.ALIYUN_SMS),
        our_reference=_uuid(event.our_reference),
        message_id=event.message_id,
        is_delivered=event.is_delivered,
        code=event.code[:CODE_CHARS_MAX],
        at=stamp.ToDatetime(tzinfo=UTC),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
