"""RPCs of notification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.notification.v1 import notification_service_pb2 as pb
from leadchain.notification.v1.notification_service_pb2_grpc import (
    NotificationServiceServicer,
    add_NotificationServiceServicer_to_server,
)
from servicekit.errors import Invalid

from notification import commands, queries, wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer
    from servicekit.sealing import KeyRing

    from notification.commands import RecipientBook


class NotificationServicer(NotificationServiceServicer):
    """Answers where reminders go and how they fared."""

    def __init__(
        self,
        database: Database,
        recipients: RecipientBook,
        keys: KeyRing,
        *,
        allow_loopback_http: bool,
    ) -> None:
        self._database = database
        self._recipients = recipients
        self._keys = keys
        self._allow_loopback_http = allow_loopback_http

    async def PutRecipients(
        self, request: pb.PutRecipientsRequest, context: ServicerContext[Any, Any]
    ) -> pb.PutRecipientsResponse:
        """Creates or changes recipients; they get the next reminder."""
        wanted = wire.recipients(request, allow_loopback_http=self._allow_loopback_http)
        async with self._database.unit_of_work() as uow:
            changed_count = await commands.put_recipients(uow, wanted, keys=self._keys)
        await self._recipients.refresh()
        return pb.PutRecipientsResponse(changed_count=changed_count)

    async def ListReminders(
        self, request: pb.ListRemindersRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListRemindersResponse:
        """Every reminder about a lead."""
        rows = await queries.list_reminders(self._database, _uuid(request.lead_id))
        return wire.reminders_response(rows)

    async def GetReminderHealth(
        self, request: pb.GetReminderHealthRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetReminderHealthResponse:
        """Counts of reminders by state."""
        return wire.health_response(await queries.get_reminder_health(self._database))


def serve(grpc: GrpcServer, servicer: NotificationServicer) -> None:
    """Puts the servicer on the service's gRPC port."""
    grpc.add(
        add_NotificationServiceServicer_to_server,
        servicer,
        "leadchain.notification.v1.NotificationService",
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("lead_id is not a UUID") from None
