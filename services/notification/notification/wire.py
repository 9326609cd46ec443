"""Between protobuf, the webhook's JSON, and the domain; nothing is decided here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.notification.v1 import notification_service_pb2 as pb
from leadchain.notification.v1.events_pb2 import ReminderDelivered, ReminderFailed
from leadchain.notification.v1.privacy_events_pb2 import (
    SubjectErasedInNotification,
    SubjectExportedFromNotification,
)
from servicekit.events import new_id

from notification.domain import (
    Kind,
    LeadCard,
    OverdueCard,
    Reason,
    Recipient,
    Reminder,
    State,
    checked_recipient_id,
    checked_url,
    parsed_secret,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.assignment.v1.events_pb2 import ContactOverdue, LeadAssigned
    from servicekit.erasures import Erased, Part


def owner_reminder(event: LeadAssigned, *, traceparent: str | None, zone: ZoneInfo) -> Reminder:
    """The reminder for the new owner of a lead."""
    card = LeadCard(
        region=event.region_display,
        industry=event.industry,
        phone_display=event.phone_display,
        first_action=event.first_action,
        contact_due_at=_time(event.contact_due_at),
    )
    facts = {
        "region": card.region,
        "industry": card.industry,
        "phone_display": card.phone_display,
        "first_action": card.first_action,
        "contact_due_at": card.contact_due_at.isoformat(),
    }
    return _reminder(event, Kind.LEAD_ASSIGNED, event.assignee_id, traceparent, (card, facts, zone))


def manager_reminder(event: ContactOverdue, *, traceparent: str | None, zone: ZoneInfo) -> Reminder:
    """The notice for the manager of a rep who let a lead run out."""
    due_at = _time(event.due_at)
    card = OverdueCard(event.assignee_id, event.next_assignee_id, due_at)
    facts = {
        "assignee_id": card.assignee_id,
        "next_assignee_id": card.next_assignee_id,
        "contact_due_at": due_at.isoformat(),
    }
    return _reminder(
        event, Kind.CONTACT_OVERDUE, event.manager_id, traceparent, (card, facts, zone)
    )


def delivered(reminder: Reminder, *, attempt_count: int, at: datetime) -> ReminderDelivered:
    """The fact that a reminder was taken at a time."""
    event = ReminderDelivered(attempt_count=attempt_count, **_identity(reminder))
    event.occurred_at.FromDatetime(at)
    event.received_at.FromDatetime(reminder.received_at)
    return event


def failed(
    reminder: Reminder, *, attempt_count: int, reason: Reason, at: datetime
) -> ReminderFailed:
    """The fact that a reminder was given up at a time."""
    event = ReminderFailed(attempt_count=attempt_count, reason=reason.value, **_identity(reminder))
    event.occurred_at.FromDatetime(at)
    event.received_at.FromDatetime(reminder.received_at)
    return event


def recipient(message: pb.Recipient, *, allow_loopback_http: bool) -> Recipient:
    """A recipient as asked for; raises `BadRecipientId`, `UnsafeUrl` or `BadSecret`."""
    return Recipient(
        recipient_id=checked_recipient_id(message.recipient_id),
        webhook_url=checked_url(message.webhook_url, allow_loopback_http=allow_loopback_http),
        secret=parsed_secret(message.secret),
    )


def recipients(request: pb.PutRecipientsRequest, *, allow_loopback_http: bool) -> list[Recipient]:
    """The recipients of a request; raises `BadRecipientId`, `UnsafeUrl` or `BadSecret` for the first that cannot be."""
    return [
        recipient(message, allow_loopback_http=allow_loopback_http)
        for message in request.recipients
    ]


def reminders_response(rows: Sequence[Any]) -> pb.ListRemindersResponse:
    """The reminders about a lead."""
    return pb.ListRemindersResponse(reminders=map(_listed, rows))


def health_response(counts: dict[State, int]) -> pb.GetReminderHealthResponse:
    """Counts by state."""
    return pb.GetReminderHealthResponse(
        due_count=counts[State.DUE],
        delivered_count=counts[State.DELIVERED],
        failed_count=counts[State.FAILED],
    )


def body(reminders: Sequence[Reminder]) -> bytes:
    """The webhook's JSON: the reminders' cards, put together."""
    return b'{"type":"reminders","reminders":[' + b",".join(r.card for r in reminders) + b"]}"


def _reminder(
    event: LeadAssigned | ContactOverdue,
    kind: Kind,
    recipient_id: str,
    traceparent: str | None,
    telling: tuple[LeadCard | OverdueCard, dict[str, str], ZoneInfo],
) -> Reminder:
    card, facts, zone = telling
    reminder_id = new_id()
    content = {
        "reminder_id": reminder_id,
        "kind": kind.name.lower(),
        "lead_id": event.lead_id,
        "recipient_id": recipient_id,
        "assignment_no": event.assignment_no,
        "channel": event.channel,
        "text_zh": card.text_zh(zone),
        "text_en": card.text_en(zone),
        **facts,
    }
    return Reminder(
        reminder_id=UUID(reminder_id),
        lead_id=UUID(event.lead_id),
        recipient_id=recipient_id,
        kind=kind,
        assignment_no=event.assignment_no,
        card=json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
        channel=event.channel,
        received_at=_time(event.received_at),
        traceparent=traceparent,
    )


def subject_erased(request_id: str, erased: Erased) -> SubjectErasedInNotification:
    """The fact that everything personal of somebody's leads is gone from here."""
    return SubjectErasedInNotification(**erased.answer(request_id))


def subject_exported(request_id: str, part: Part) -> SubjectExportedFromNotification:
    """One part of what is kept here about somebody's leads."""
    return SubjectExportedFromNotification(**part.answer(request_id))


def _identity(reminder: Reminder) -> dict[str, Any]:
    return {
        "lead_id": str(reminder.lead_id),
        "reminder_id": str(reminder.reminder_id),
        "recipient_id": reminder.recipient_id,
        "kind": int(reminder.kind),
        "channel": reminder.channel,
    }


def _listed(row: Any) -> pb.Reminder:
    reminder = pb.Reminder(
        reminder_id=str(row["reminder_id"]),
        recipient_id=row["recipient_id"],
        kind=row["kind"],
        state=State(row["state"]).name.lower(),
        attempt_count=row["attempt_count"],
        last_error=row["last_error"],
    )
    if row["last_attempt_at"] is not None:
        reminder.last_attempt_at.FromDatetime(row["last_attempt_at"])
    return reminder


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
