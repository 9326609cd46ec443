"""BackfillsService: a system's rows are brought in, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1 import backfills_service_pb2 as pb
from leadchain.identity.v1.backfills_service_pb2_grpc import (
    BackfillsServiceServicer,
    add_BackfillsServiceServicer_to_server,
)
from servicekit.auth import caller_id

from identity.commands import backfills as commands
from identity.domain import pages
from identity.queries import backfills as queries
from identity.wire import backfills as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from identity.commands.resolving import Resolver

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.BackfillsService"


def serve(chassis: Chassis, resolver: Resolver) -> None:
    """Answers BackfillsService on the chassis' gRPC host."""
    servicer = BackfillsServicer(chassis.database, resolver)
    chassis.grpc.add(add_BackfillsServiceServicer_to_server, servicer, SERVICE)


class BackfillsServicer(BackfillsServiceServicer):
    """Answers those who bring in what other systems know."""

    def __init__(self, database: Database, resolver: Resolver) -> None:
        self._database = database
        self._resolver = resolver

    async def OpenBackfill(
        self, request: pb.OpenBackfillRequest, context: Context
    ) -> pb.OpenBackfillResponse:
        """Begins a backfill, or finds it."""
        async with self._database.unit_of_work() as uow:
            opened = await commands.open_backfill(
                uow,
                request.system,
                request.name,
                total_count=request.total_count,
                actor=caller_id(),
            )
        return pb.OpenBackfillResponse(backfill=wire.backfill(opened))

    async def PutRows(self, request: pb.PutRowsRequest, context: Context) -> pb.PutRowsResponse:
        """Resolves a batch."""
        of = (request.system, wire.backfill_id(request.backfill_id))
        rows = wire.rows(request.rows)
        async with self._database.unit_of_work() as uow:
            backfill = await commands.put_rows(
                uow, self._resolver, of, rows, first_row=request.first_row
            )
        return pb.PutRowsResponse(backfill=wire.backfill(backfill))

    async def GetBackfill(
        self, request: pb.GetBackfillRequest, context: Context
    ) -> pb.GetBackfillResponse:
        """How far one backfill is."""
        known = await queries.get_backfill(self._database, wire.backfill_id(request.backfill_id))
        return pb.GetBackfillResponse(backfill=wire.backfill(known))

    async def ListBackfills(
        self, request: pb.ListBackfillsRequest, context: Context
    ) -> pb.ListBackfillsResponse:
        """Backfills, the latest first."""
        size = pages.page_size(request.page_size)
        known = await queries.list_backfills(
            self._database, before=pages.unique_id(request.page_token), count=size
        )
        return wire.backfills_response(known, size=size)

    async def ListRefusedRows(
        self, request: pb.ListRefusedRowsRequest, context: Context
    ) -> pb.ListRefusedRowsResponse:
        """Refused rows."""
        size = pages.page_size(request.page_size)
        refused = await queries.list_refused(
            self._database,
            wire.backfill_id(request.backfill_id),
            after=pages.number(request.page_token) or 0,
            count=size,
        )
        return wire.refused_response(refused, size=size)

    async def CloseBackfill(
        self, request: pb.CloseBackfillRequest, context: Context
    ) -> pb.CloseBackfillResponse:
        """Lets a backfill take no more rows."""
        async with self._database.unit_of_work() as uow:
            closed = await commands.close_backfill(
                uow, request.system, wire.backfill_id(request.backfill_id)
            )
        return pb.CloseBackfillResponse(backfill=wire.backfill(closed))
