"""ExportsService: what may leave the system, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accesskit.facts import checked_name
from accesskit.guard import circumstances_of
from leadchain.permissions.v1 import exports_service_pb2 as pb
from leadchain.permissions.v1.exports_service_pb2_grpc import (
    ExportsServiceServicer,
    add_ExportsServiceServicer_to_server,
)

from permissions.commands import export_pages, exports
from permissions.queries import exports as queries
from permissions.queries.acting import acting
from permissions.queries.rights import known_caller
from permissions.wire import exports as wire
from permissions.wire.approvals import second_factor

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.permissions.v1 import approvals_service_pb2
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.acting import Actor
    from permissions.queries.live import Live

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.permissions.v1.ExportsService"
LAPSE_IDLE_S = 5.0


def serve(chassis: Chassis, live: Live) -> None:
    """Answers ExportsService on the chassis' gRPC host, and frees what crashed exporters held."""
    servicer = ExportsServicer(chassis.database, live)
    chassis.grpc.add(add_ExportsServiceServicer_to_server, servicer, SERVICE)

    async def step() -> bool:
        return await export_pages.lapse(chassis.database, live)

    chassis.work("exports", step, idle_s=LAPSE_IDLE_S)


class ExportsServicer(ExportsServiceServicer):
    """May this leave the system, and how much of it is left?"""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    async def OpenExport(
        self, request: pb.OpenExportRequest, context: Context
    ) -> pb.OpenExportResponse:
        """Decides whether somebody may export, and opens the export."""
        caller, actor = known_caller(), self._acting(request.actor)
        own = circumstances_of(caller) if caller.subject == actor.person_id else None
        opening = wire.opening(request, actor, own)
        export = await exports.open_export(self._database, self._live, opening)
        ahead = await queries.prospect(self._database, self._live, export)
        return wire.open_response(export, ahead)

    async def AcquirePage(
        self, request: pb.AcquirePageRequest, context: Context
    ) -> pb.AcquirePageResponse:
        """Reserves rows for the next page."""
        wanted = wire.page_wanted(request, self._acting(request.actor))
        return wire.acquire_response(await export_pages.acquire(self._database, self._live, wanted))

    async def HeartbeatPage(
        self, request: pb.HeartbeatPageRequest, context: Context
    ) -> pb.HeartbeatPageResponse:
        """Keeps a page that is still being read."""
        lease_id, caller_id = checked_name(request.lease_id, "lease_id"), known_caller().subject
        until_s = await export_pages.heartbeat(
            self._database, self._live, lease_id, caller_id=caller_id
        )
        return pb.HeartbeatPageResponse(expires_at=wire.stamp(until_s))

    async def ReportPage(
        self, request: pb.ReportPageRequest, context: Context
    ) -> pb.ReportPageResponse:
        """Books the rows that were really delivered."""
        lease_id, told = checked_name(request.lease_id, "lease_id"), wire.report(request)
        reported = await export_pages.report(
            self._database, self._live, lease_id, told, caller_id=known_caller().subject
        )
        return wire.report_response(reported)

    async def ReleasePage(
        self, request: pb.ReleasePageRequest, context: Context
    ) -> pb.ReleasePageResponse:
        """Takes a page back of which nothing was read."""
        lease_id, caller_id = checked_name(request.lease_id, "lease_id"), known_caller().subject
        await export_pages.release(self._database, self._live, lease_id, caller_id=caller_id)
        return pb.ReleasePageResponse()

    async def CloseExport(
        self, request: pb.CloseExportRequest, context: Context
    ) -> pb.CloseExportResponse:
        """Ends an export."""
        export_id, caller_id = checked_name(request.export_id, "export_id"), known_caller().subject
        export = await exports.close_export(
            self._database, self._live, export_id, caller_id=caller_id
        )
        return pb.CloseExportResponse(export=wire.export_message(export))

    async def CancelExport(
        self, request: pb.CancelExportRequest, context: Context
    ) -> pb.CancelExportResponse:
        """Stops an export."""
        export_id, caller = checked_name(request.export_id, "export_id"), known_caller()
        await queries.check_cancellable(self._database, self._live, export_id, caller)
        export = await exports.cancel_export(
            self._database, self._live, export_id, actor=caller.subject
        )
        return pb.CancelExportResponse(export=wire.export_message(export))

    async def GetExport(
        self, request: pb.GetExportRequest, context: Context
    ) -> pb.GetExportResponse:
        """One export."""
        export_id, caller = checked_name(request.export_id, "export_id"), known_caller()
        export, breaker = await queries.get_export(self._database, self._live, export_id, caller)
        return pb.GetExportResponse(
            export=wire.export_message(export), breaker=wire.breaker_state(breaker)
        )

    async def ListExports(
        self, request: pb.ListExportsRequest, context: Context
    ) -> pb.ListExportsResponse:
        """A page of the exports that the caller may read."""
        subject_id, before_id, limit = wire.listing_of(request)
        listing = await queries.list_exports(
            self._database,
            self._live,
            known_caller(),
            subject_id=subject_id,
            before_id=before_id,
            limit=limit,
        )
        return wire.list_response(listing)

    def _acting(self, actor: approvals_service_pb2.Actor) -> Actor:
        return acting(self._live, person_id=actor.person_id, stated=second_factor(actor))
