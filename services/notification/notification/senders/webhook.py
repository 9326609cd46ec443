"""A recipient's own system: one signed POST that is taken or not (Standard Webhooks)."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Any

from notification.domain.addresses import parsed_secret
from notification.domain.sending import Accepted, Rejected
from notification.senders.calls import NotAnswered

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification.domain.sending import Answer, Parcel
    from notification.senders.calls import Calls
    from notification.senders.envelopes import Envelope

GONE = 410


class WebhookSender:
    """Posts bundles of reminders as JSON under `webhook-id`, by which the receiver drops what it has.

    2xx is taken, 410 is gone for ever, anything else is tried again.
    """

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock

    async def send(self, envelope: Envelope) -> Answer:
        """Posts a bundle once."""
        body = _body(envelope)
        key = parsed_secret(envelope.address.secret)
        headers = _signed(key, str(envelope.bundle.bundle_id), self._clock(), body)
        try:
            reply = await self._calls.post_bytes(
                envelope.address.to, "reminders", body=body, headers=headers
            )
        except NotAnswered as failure:
            return failure.unknown(self._clock())
        if reply.is_good:
            return Accepted(self._clock())
        return Rejected(
            self._clock(),
            f"http {reply.status}",
            retryable=reply.status != GONE,
            is_gone=reply.status == GONE,
            retry_after_s=reply.retry_after_s,
        )


def signature(secret: bytes, webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """The `webhook-signature` of a body: HMAC-SHA256 of `id.timestamp.body`, scheme v1."""
    signed = b"%b.%d.%b" % (webhook_id.encode(), timestamp_s, body)
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def _signed(secret: bytes, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    timestamp_s = int(at.timestamp())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(secret, webhook_id, timestamp_s, body),
    }


def _body(envelope: Envelope) -> bytes:
    cards = [_card(parcel, envelope) for parcel in envelope.bundle.parcels]
    document = {"type": "reminders", "reminders": cards}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _card(parcel: Parcel, envelope: Envelope) -> dict[str, Any]:
    words, person, policy = envelope.words, envelope.person, envelope.policy
    return {
        "reminder_id": str(parcel.reminder_id),
        "kind": parcel.kind,
        "lead_id": str(parcel.subject.lead_id or ""),
        "recipient_id": person.recipient_id,
        "assignment_no": parcel.subject.assignment_no,
        "channel": parcel.subject.channel,
        "text_zh": words.text(parcel, person, policy, locale="zh"),
        "text_en": words.text(parcel, person, policy, locale="en"),
        "open_url": words.url(parcel),
        **parcel.facts,
    }
