"""StandingsService: how does the customer's account stand?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1.standings_service_pb2_grpc import (
    StandingsServiceServicer,
    add_StandingsServiceServicer_to_server,
)

from engagement.queries import standings as queries
from engagement.wire import standings as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.engagement.v1 import standings_service_pb2 as pb
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.domain.standings import StandingPolicy

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.StandingsService"


def serve(chassis: Chassis, policy: StandingPolicy) -> None:
    """Answers StandingsService on the chassis' gRPC host."""
    servicer = StandingsServicer(chassis.database, policy)
    chassis.grpc.add(add_StandingsServiceServicer_to_server, servicer, SERVICE)


class StandingsServicer(StandingsServiceServicer):
    """How does the customer's account stand?"""

    def __init__(self, database: Database, policy: StandingPolicy) -> None:
        self._database = database
        self._policy = policy

    async def GetStanding(
        self, request: pb.GetStandingRequest, context: Context
    ) -> pb.GetStandingResponse:
        """The figures of a lead's customer."""
        lead_id = uuid(request.lead_id, "lead_id")
        return wire.standing(await queries.get_standing(self._database, lead_id))

    async def GetHealth(
        self, request: pb.GetHealthRequest, context: Context
    ) -> pb.GetHealthResponse:
        """How healthy a lead's customer is, and why."""
        lead_id, policy = uuid(request.lead_id, "lead_id"), self._policy
        health, weeks = await queries.get_health(self._database, lead_id, policy)
        return wire.health_response(health, weeks, policy.health, policy.version)

    async def ListDormantCustomers(
        self, request: pb.ListDormantCustomersRequest, context: Context
    ) -> pb.ListDormantCustomersResponse:
        """Customers who may be woken."""
        size = min(request.page_size or queries.PAGE_SIZE, queries.PAGE_SIZE_MAX)
        after = wire.page_start(request.page_token)
        found = await queries.list_dormant(self._database, self._policy, after=after, size=size)
        return wire.dormant_page(found, size)
