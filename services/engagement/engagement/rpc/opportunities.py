"""OpportunitiesService: how far is it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1 import opportunities_service_pb2 as pb
from leadchain.engagement.v1.opportunities_service_pb2_grpc import (
    OpportunitiesServiceServicer,
    add_OpportunitiesServiceServicer_to_server,
)
from servicekit.auth import caller_id

from engagement.queries.opportunities import OpportunityBoard
from engagement.wire import opportunities as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis

    from engagement.domain.tasks import ManagerOf
    from engagement.domain.watches import WatchPolicy

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.OpportunitiesService"


def serve(chassis: Chassis, policy: WatchPolicy, manager_of: ManagerOf) -> None:
    """Answers OpportunitiesService on the chassis' gRPC host."""
    board = OpportunityBoard(chassis.database, policy.quotes.response, manager_of)
    servicer = OpportunitiesServicer(board)
    chassis.grpc.add(add_OpportunitiesServiceServicer_to_server, servicer, SERVICE)


class OpportunitiesServicer(OpportunitiesServiceServicer):
    """How far is it?"""

    def __init__(self, board: OpportunityBoard) -> None:
        self._board = board

    async def GetOpportunity(
        self, request: pb.GetOpportunityRequest, context: Context
    ) -> pb.GetOpportunityResponse:
        """One opportunity, by its lead."""
        lead_id = uuid(request.lead_id, "lead_id")
        return pb.GetOpportunityResponse(
            opportunity=wire.opportunity(await self._board.show(lead_id))
        )

    async def ListOpportunities(
        self, request: pb.ListOpportunitiesRequest, context: Context
    ) -> pb.ListOpportunitiesResponse:
        """The caller's open opportunities, or their team's."""
        listing = self._board.team if request.of_team else self._board.mine
        found = await listing(caller_id())
        return pb.ListOpportunitiesResponse(opportunities=map(wire.opportunity, found))
