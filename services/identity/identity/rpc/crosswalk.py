"""CrosswalkService: which rows of which systems are one customer, and how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1.crosswalk_service_pb2_grpc import (
    CrosswalkServiceServicer,
    add_CrosswalkServiceServicer_to_server,
)

from identity.domain import pages
from identity.queries import crosswalk as queries
from identity.wire import crosswalk as wire
from identity.wire.customers import customer_id

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.identity.v1 import crosswalk_service_pb2 as pb
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from identity.commands.system_rows import Desk

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.CrosswalkService"


def serve(chassis: Chassis, desk: Desk) -> None:
    """Answers CrosswalkService on the chassis' gRPC host."""
    servicer = CrosswalkServicer(chassis.database, desk)
    chassis.grpc.add(add_CrosswalkServiceServicer_to_server, servicer, SERVICE)


class CrosswalkServicer(CrosswalkServiceServicer):
    """Whose row is it?"""

    def __init__(self, database: Database, desk: Desk) -> None:
        self._database = database
        self._desk = desk

    async def LookUpKey(
        self, request: pb.LookUpKeyRequest, context: Context
    ) -> pb.LookUpKeyResponse:
        """The customer of a row."""
        system, key = wire.row_key(request)
        return wire.found(await queries.look_up(self._database, self._desk, system=system, key=key))

    async def ListSources(
        self, request: pb.ListSourcesRequest, context: Context
    ) -> pb.ListSourcesResponse:
        """The rows of a customer."""
        named, limit = customer_id(request.customer_id), pages.page_size(request.page_size)
        after = wire.after_source(request.page_token)
        customer, rows = await queries.sources_of(
            self._database, self._desk, named, after=after, limit=limit
        )
        return wire.sources(customer, rows, limit=limit)

    async def GetMappingReport(
        self, request: pb.GetMappingReportRequest, context: Context
    ) -> pb.GetMappingReportResponse:
        """How completely systems are mapped."""
        missing_max = pages.page_size(request.missing_max, default=wire.MISSING_MAX)
        found = await queries.mapping_report(
            self._database, self._desk, system=request.system, missing_max=missing_max
        )
        return wire.report(found)

    async def GetFieldMap(
        self, request: pb.GetFieldMapRequest, context: Context
    ) -> pb.GetFieldMapResponse:
        """How a system's fields are read."""
        return wire.field_map(await queries.system_view(self._database, self._desk, request.system))

    async def CheckFieldMap(
        self, request: pb.CheckFieldMapRequest, context: Context
    ) -> pb.CheckFieldMapResponse:
        """What a field map would do."""
        row_max = pages.page_size(
            request.row_max, default=wire.TRIED_ROWS, largest=wire.TRIED_ROWS_MAX
        )
        return wire.trial(
            await queries.try_map(self._database, self._desk, request.document, row_max=row_max)
        )
