"""What notification states of reminders, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.notification.v1.events_pb2 import (
    ReminderAccepted,
    ReminderDelivered,
    ReminderFailed,
    ReminderHealthLow,
    ReminderKind,
    ReminderRead,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from notification.domain.health import Health
    from notification.domain.reminders import Reason, Subject

_KINDS = {
    "lead_assigned": ReminderKind.REMINDER_KIND_LEAD_ASSIGNED,
    "contact_overdue": ReminderKind.REMINDER_KIND_CONTACT_OVERDUE,
}


def kind_of(name: str) -> ReminderKind.ValueType:
    """The contract's number for a policy's kind; unspecified for all but two."""
    return _KINDS.get(name, ReminderKind.REMINDER_KIND_UNSPECIFIED)


class Stating:
    """The events about one reminder of a kind, for one recipient."""

    def __init__(self, reminder_id: UUID, kind: str, recipient_id: str, subject: Subject) -> None:
        self.key = str(subject.lead_id or reminder_id)
        self.cause = subject.traceparent
        self._subject = subject
        self._identity: dict[str, Any] = {
            "lead_id": str(subject.lead_id or ""),
            "reminder_id": str(reminder_id),
            "recipient_id": recipient_id,
            "kind_name": kind,
            "channel": subject.channel,
        }

    def accepted(self, medium: str, *, at: datetime) -> ReminderAccepted:
        """A provider took it."""
        event = ReminderAccepted(medium=medium, **self._identity)
        self._date(event, at)
        return event

    def delivered(self, medium: str, *, attempt_count: int, at: datetime) -> ReminderDelivered:
        """It is proved to have arrived."""
        kind = kind_of(self._identity["kind_name"])
        event = ReminderDelivered(
            medium=medium, attempt_count=attempt_count, kind=kind, **self._identity
        )
        self._date(event, at)
        return event

    def read(self, medium: str, *, at: datetime) -> ReminderRead:
        """It was read or opened for the first time."""
        event = ReminderRead(medium=medium, **self._identity)
        self._date(event, at)
        return event

    def failed(self, reason: Reason, *, attempt_count: int, at: datetime) -> ReminderFailed:
        """It was given up."""
        kind = kind_of(self._identity["kind_name"])
        event = ReminderFailed(
            reason=reason.value, attempt_count=attempt_count, kind=kind, **self._identity
        )
        self._date(event, at)
        return event

    def _date(self, event: Any, at: datetime) -> None:
        event.occurred_at.FromDatetime(at)
        if self._subject.received_at is not None:
            event.received_at.FromDatetime(self._subject.received_at)


def health_low(health: Health, *, window: timedelta) -> ReminderHealthLow:
    """A kind's health is low."""
    return ReminderHealthLow(
        kind_name=health.kind,
        low=health.low,
        reminder_count=health.asked,
        sent_rate=health.sent_rate,
        reached_rate=health.reached_rate,
        interacted_rate=health.interacted_rate,
        window_s=int(window.total_seconds()),
    )
