"""WatchesService: is something wrong?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1.watches_service_pb2_grpc import (
    WatchesServiceServicer,
    add_WatchesServiceServicer_to_server,
)

from engagement.queries import watches as queries
from engagement.wire import watches as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.engagement.v1 import watches_service_pb2 as pb
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.domain.watches import WatchPolicy

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.WatchesService"


def serve(chassis: Chassis, policy: WatchPolicy) -> None:
    """Answers WatchesService on the chassis' gRPC host."""
    servicer = WatchesServicer(chassis.database, policy)
    chassis.grpc.add(add_WatchesServiceServicer_to_server, servicer, SERVICE)


class WatchesServicer(WatchesServiceServicer):
    """Is something wrong?"""

    def __init__(self, database: Database, policy: WatchPolicy) -> None:
        self._database = database
        self._policy = policy

    async def ListServiceRecords(
        self, request: pb.ListServiceRecordsRequest, context: Context
    ) -> pb.ListServiceRecordsResponse:
        """The newest tickets of a lead's customer."""
        lead_id = uuid(request.lead_id, "lead_id")
        shown = self._policy.service.shown
        return wire.service_records(
            await queries.list_service_records(self._database, lead_id, shown)
        )
