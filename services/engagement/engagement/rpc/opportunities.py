"""OpportunitiesService: how far is it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1.opportunities_service_pb2_grpc import (
    OpportunitiesServiceServicer,
    add_OpportunitiesServiceServicer_to_server,
)

from engagement.queries import opportunities as queries
from engagement.wire import opportunities as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.engagement.v1 import opportunities_service_pb2 as pb
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.OpportunitiesService"


def serve(chassis: Chassis) -> None:
    """Answers OpportunitiesService on the chassis' gRPC host."""
    servicer = OpportunitiesServicer(chassis.database)
    chassis.grpc.add(add_OpportunitiesServiceServicer_to_server, servicer, SERVICE)


class OpportunitiesServicer(OpportunitiesServiceServicer):
    """How far is it?"""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetOpportunity(
        self, request: pb.GetOpportunityRequest, context: Context
    ) -> pb.GetOpportunityResponse:
        """One opportunity, by its lead."""
        lead_id = uuid(request.lead_id, "lead_id")
        return wire.opportunity_response(await queries.get_opportunity(self._database, lead_id))
