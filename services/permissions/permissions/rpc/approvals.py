"""ApprovalsService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.permissions.v1 import approvals_service_pb2 as pb
from leadchain.permissions.v1.approvals_service_pb2_grpc import (
    ApprovalsServiceServicer,
    add_ApprovalsServiceServicer_to_server,
)

from permissions.commands import approvals as commands
from permissions.commands import break_glass
from permissions.queries import approvals as queries
from permissions.queries.acting import Actor, acting
from permissions.wire import approvals as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.permissions.v1.ApprovalsService"
LAPSE_IDLE_S = 1.0


def serve(chassis: Chassis, live: Live) -> None:
    """Answers ApprovalsService on the chassis' gRPC host, and lets a worker write down what time decides."""
    servicer = ApprovalsServicer(chassis.database, live)
    chassis.grpc.add(add_ApprovalsServiceServicer_to_server, servicer, SERVICE)

    async def step() -> bool:
        return await break_glass.lapse(chassis.database, live)

    chassis.work("approvals", step, idle_s=LAPSE_IDLE_S)


class ApprovalsServicer(ApprovalsServiceServicer):
    """Sensitive actions, requested, approved by others, and used once."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    async def RequestAccess(
        self, request: pb.RequestAccessRequest, context: Context
    ) -> pb.RequestAccessResponse:
        """Asks for a sensitive action to be approved."""
        asked = wire.asked(request, self._acting(request.actor))
        shown = await commands.request_access(self._database, self._live, asked)
        return pb.RequestAccessResponse(request=wire.request(shown))

    async def Vote(self, request: pb.VoteRequest, context: Context) -> pb.VoteResponse:
        """Approves or denies a request."""
        ballot = wire.ballot(request, self._acting(request.actor))
        shown = await commands.vote(self._database, self._live, ballot)
        return pb.VoteResponse(request=wire.request(shown))

    async def CancelRequest(
        self, request: pb.CancelRequestRequest, context: Context
    ) -> pb.CancelRequestResponse:
        """Withdraws a request that has not been used."""
        actor, request_id = self._acting(request.actor), wire.request_id(request.request_id)
        shown = await commands.cancel_request(self._database, self._live, request_id, actor=actor)
        return pb.CancelRequestResponse(request=wire.request(shown))

    async def GetRequest(
        self, request: pb.GetRequestRequest, context: Context
    ) -> pb.GetRequestResponse:
        """One request with its votes."""
        actor, request_id = self._acting(request.actor), wire.request_id(request.request_id)
        shown = await queries.get_request(self._database, self._live, request_id, actor=actor)
        return pb.GetRequestResponse(request=wire.request(shown))

    async def ListRequests(
        self, request: pb.ListRequestsRequest, context: Context
    ) -> pb.ListRequestsResponse:
        """Requests that the caller made, or those that wait for the caller's vote."""
        wanted = wire.wanted(request, self._acting(request.actor))
        return wire.page_response(await queries.list_requests(self._database, self._live, wanted))

    async def UseApproval(
        self, request: pb.UseApprovalRequest, context: Context
    ) -> pb.UseApprovalResponse:
        """Judges an approval again and uses it up."""
        using = wire.use(request, self._acting(request.actor))
        used = await commands.use_approval(self._database, self._live, using)
        return wire.used_response(used, self._live.token)

    async def BreakGlass(
        self, request: pb.BreakGlassRequest, context: Context
    ) -> pb.BreakGlassResponse:
        """Takes an approval without votes, in an emergency."""
        asked = wire.emergency(request, self._acting(request.actor))
        shown = await break_glass.break_glass(self._database, self._live, asked)
        return pb.BreakGlassResponse(request=wire.request(shown))

    async def ReviewBreakGlass(
        self, request: pb.ReviewBreakGlassRequest, context: Context
    ) -> pb.ReviewBreakGlassResponse:
        """Judges an emergency afterwards."""
        ballot = wire.review(request, self._acting(request.actor))
        shown = await break_glass.review(self._database, self._live, ballot)
        return pb.ReviewBreakGlassResponse(request=wire.request(shown))

    def _acting(self, actor: pb.Actor) -> Actor:
        return acting(self._live, person_id=actor.person_id, stated=wire.second_factor(actor))
