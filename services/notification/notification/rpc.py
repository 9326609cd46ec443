"""RPCs of notification."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.notification.v1 import notification_service_pb2 as pb
from leadchain.notification.v1.notification_service_pb2_grpc import (
    NotificationServiceServicer,
    add_NotificationServiceServicer_to_server,
)
from servicekit.auth import current_caller
from servicekit.errors import Forbidden, Invalid

from notification import queries
from notification.commands import books
from notification.commands.health import WINDOW, WINDOW_MAX
from notification.domain.people import checked_recipient_id
from notification.wire import recipients as recipients_wire
from notification.wire import reminders as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer
    from servicekit.sealing import KeyRing

    from notification.commands.books import AddressBook
    from notification.domain.kinds import Policy

SERVICE_SCOPE = "service:"


class NotificationServicer(NotificationServiceServicer):
    """Answers where reminders go and how they fared."""

    def __init__(
        self,
        database: Database,
        book: AddressBook,
        keys: KeyRing,
        policy: Policy,
        *,
        allow_loopback_http: bool,
    ) -> None:
        self._database = database
        self._book = book
        self._keys = keys
        self._policy = policy
        self._allow_loopback_http = allow_loopback_http

    async def PutRecipients(
        self, request: pb.PutRecipientsRequest, context: ServicerContext[Any, Any]
    ) -> pb.PutRecipientsResponse:
        """Creates or changes recipients; they get the next reminder."""
        wanted = recipients_wire.people(request, allow_loopback_http=self._allow_loopback_http)
        async with self._database.unit_of_work() as uow:
            changed_count = await books.put_recipients(uow, wanted, keys=self._keys)
        await self._book.refresh()
        return pb.PutRecipientsResponse(changed_count=changed_count)

    async def PutAccounts(
        self, request: pb.PutAccountsRequest, context: ServicerContext[Any, Any]
    ) -> pb.PutAccountsResponse:
        """Creates or changes accounts; the next message leaves from them."""
        wanted = recipients_wire.accounts(request, allow_loopback_http=self._allow_loopback_http)
        async with self._database.unit_of_work() as uow:
            written_count = await books.put_accounts(uow, wanted, keys=self._keys)
        await self._book.refresh()
        return pb.PutAccountsResponse(written_count=written_count)

    async def ReportPresence(
        self, request: pb.ReportPresenceRequest, context: ServicerContext[Any, Any]
    ) -> pb.ReportPresenceResponse:
        """Keeps what a device says of itself."""
        seen = request.seen_at if request.HasField("seen_at") else None
        async with self._database.unit_of_work() as uow:
            await books.report_presence(
                uow,
                _whose(request.recipient_id),
                recipients_wire.device(request.device),
                is_online=request.is_online,
                seen_at=seen.ToDatetime(tzinfo=UTC) if seen else datetime.now(UTC),
            )
        return pb.ReportPresenceResponse()

    async def ListReminders(
        self, request: pb.ListRemindersRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListRemindersResponse:
        """Every reminder about a lead."""
        told = await queries.list_reminders(self._database, _uuid(request.lead_id))
        return wire.reminders_response(told)

    async def ListRoutes(
        self, request: pb.ListRoutesRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListRoutesResponse:
        """What is told to whom."""
        return wire.routes_response(
            self._policy, self._book.accounts, is_reachable=self._book.is_reachable
        )

    async def GetReminderHealth(
        self, request: pb.GetReminderHealthRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetReminderHealthResponse:
        """Counts of reminders by state, and each kind's rates."""
        window = min(timedelta(seconds=request.window_s) or WINDOW, WINDOW_MAX)
        counts = await queries.get_counts(self._database)
        kinds = await queries.get_health(self._database, self._policy, window=window)
        return wire.health_response(counts, kinds)


def serve(grpc: GrpcServer, servicer: NotificationServicer) -> None:
    """Puts the servicer on the service's gRPC port."""
    grpc.add(
        add_NotificationServiceServicer_to_server,
        servicer,
        "leadchain.notification.v1.NotificationService",
    )


def _whose(recipient_id: str) -> str:
    """The caller themself, or whom a service speaks for; raises `Forbidden` for anybody else."""
    caller = current_caller()
    if caller is None:
        raise Forbidden("unauthenticated")
    whose = checked_recipient_id(recipient_id or caller.subject)
    is_service = any(s.startswith(SERVICE_SCOPE) for s in caller.scopes)
    if whose != caller.subject and not is_service:
        raise Forbidden("a device speaks for its own user")
    return whose


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("lead_id is not a UUID") from None
