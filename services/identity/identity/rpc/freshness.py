"""FreshnessService: are the systems in step?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from leadchain.identity.v1 import freshness_service_pb2 as pb
from leadchain.identity.v1.freshness_service_pb2_grpc import (
    FreshnessServiceServicer,
    add_FreshnessServiceServicer_to_server,
)

from identity.commands import system_rows, writing_back
from identity.domain import pages
from identity.queries import freshness as queries
from identity.store import sync_failures, write_backs
from identity.wire import freshness as wire
from identity.wire.references import stored_id

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from identity.commands.system_rows import Desk

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.FreshnessService"


def serve(chassis: Chassis, desk: Desk) -> None:
    """Answers FreshnessService on the chassis' gRPC host."""
    servicer = FreshnessServicer(chassis.database, desk)
    chassis.grpc.add(add_FreshnessServiceServicer_to_server, servicer, SERVICE)


class FreshnessServicer(FreshnessServiceServicer):
    """How late, what failed, what differs, what is told?"""

    def __init__(self, database: Database, desk: Desk) -> None:
        self._database = database
        self._desk = desk

    async def GetFreshness(
        self, request: pb.GetFreshnessRequest, context: Context
    ) -> pb.GetFreshnessResponse:
        """How late each system is."""
        boards = await queries.freshness(self._database, self._desk.systems, now=datetime.now(UTC))
        return wire.freshness(boards)

    async def AuditSync(
        self, request: pb.AuditSyncRequest, context: Context
    ) -> pb.AuditSyncResponse:
        """What could not be read."""
        span, limit = wire.span(request, now=datetime.now(UTC)), pages.page_size(request.page_size)
        before = wire.before_number(request.page_token)
        async with self._database.raw() as raw:
            sums = await sync_failures.sums(raw, span)
            listed = await sync_failures.listed(raw, span, before=before, limit=limit)
        return wire.failures(sums, listed, limit=limit)

    async def ReplayFailures(
        self, request: pb.ReplayFailuresRequest, context: Context
    ) -> pb.ReplayFailuresResponse:
        """Reads rows again that could not be read wholly, page by page."""
        row_count, after, page = 0, b"", -1
        while page:
            async with self._database.unit_of_work() as uow:
                page, after = await system_rows.replay(uow, request.system, self._desk, after=after)
            row_count += page
        async with self._database.raw() as raw:
            left = await sync_failures.open_count(raw, request.system)
        return pb.ReplayFailuresResponse(row_count=row_count, open_failure_count=left)

    async def ListConflicts(
        self, request: pb.ListConflictsRequest, context: Context
    ) -> pb.ListConflictsResponse:
        """What systems are told."""
        limit, before = (
            pages.page_size(request.page_size),
            wire.before_number(request.page_token),
        )
        async with self._database.raw() as raw:
            listed = await write_backs.listed(
                raw, request.system, with_settled=request.with_settled, before=before, limit=limit
            )
        return wire.conflicts(listed, limit=limit)

    async def RetryWriteBack(
        self, request: pb.RetryWriteBackRequest, context: Context
    ) -> pb.RetryWriteBackResponse:
        """Lets a write wait again."""
        number = stored_id(request.write_back_id, "write_back_id")
        async with self._database.unit_of_work() as uow:
            await writing_back.retry(uow, number)
        return pb.RetryWriteBackResponse()

    async def ListDifferences(
        self, request: pb.ListDifferencesRequest, context: Context
    ) -> pb.ListDifferencesResponse:
        """Where the systems differed in a night."""
        night, limit = wire.night(request.night), pages.page_size(request.page_size)
        after = wire.after_difference(request.page_token)
        found, listed = await queries.differences(
            self._database, night, system=request.system, after=after, limit=limit
        )
        return wire.differences(found, listed, limit=limit)
