"""VisitsService: whom to visit when?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1.visits_service_pb2_grpc import (
    VisitsServiceServicer,
    add_VisitsServiceServicer_to_server,
)
from servicekit.auth import caller_id

from engagement.wire import visits as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.engagement.v1 import visits_service_pb2 as pb
    from servicekit.chassis import Chassis

    from engagement.queries.visits import VisitPlanner

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.VisitsService"


def serve(chassis: Chassis, planner: VisitPlanner) -> None:
    """Answers VisitsService on the chassis' gRPC host."""
    chassis.grpc.add(add_VisitsServiceServicer_to_server, VisitsServicer(planner), SERVICE)


class VisitsServicer(VisitsServiceServicer):
    """Whom to visit when? Who leads whom, permissions says."""

    def __init__(self, planner: VisitPlanner) -> None:
        self._planner = planner

    async def PlanVisits(
        self, request: pb.PlanVisitsRequest, context: Context
    ) -> pb.PlanVisitsResponse:
        """Plans a day."""
        plan = await self._planner.plan(wire.asked(request), caller_id=caller_id())
        return wire.plan(plan, policy_version=self._planner.rules.policy.version)
