"""The composition root of notification."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from accesskit.enforcement import enforce
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from notification import commands, rpc, subscribers
from notification.clients import WebhookClient
from notification.commands import RecipientBook, Sender

if TYPE_CHECKING:
    from notification.settings import Settings

REFRESH_S = 1.0
"""How often recipients that another replica changed are looked for."""


def build(settings: Settings) -> Chassis:
    """Notification, ready to be started."""
    chassis = Chassis(settings)
    enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    keys = settings.key_ring()
    recipients = RecipientBook(chassis.database, keys)
    sender = Sender(
        chassis.database,
        recipients,
        WebhookClient(_now),
        clock=_now,
        pace_s=settings.reminder_pace_s,
        delay_scale=settings.reminder_delay_scale,
    )
    chassis.workers.append(sender)
    chassis.work("recipient refresh", recipients.refresh, idle_s=REFRESH_S)
    erasures = Erasures(
        chassis.database,
        commands.erase_leads,
        spared=[SubjectErasureRequested.DESCRIPTOR.full_name],
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    subscribers.subscribe(chassis.bus, ZoneInfo(settings.reminder_time_zone), erasures)
    servicer = rpc.NotificationServicer(
        chassis.database, recipients, keys, allow_loopback_http=settings.allow_loopback_http
    )
    rpc.serve(chassis.grpc, servicer)
    return chassis


def _now() -> datetime:
    return datetime.now(UTC)
