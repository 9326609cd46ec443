"""Questions that assignment answers over gRPC, and what reps and operators tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1.assignment_service_pb2_grpc import (
    AssignmentServiceServicer,
    add_AssignmentServiceServicer_to_server,
)

from assignment import commands, queries, wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from grpc.aio import ServicerContext
    from leadchain.assignment.v1 import assignment_service_pb2 as pb
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer

    Context = ServicerContext[Any, Any]


def serve(
    server: GrpcServer, database: Database, desk: commands.Desk, *, wake_drain: Callable[[], None]
) -> None:
    """Adds the service to a host; `wake_drain` is called when waiting leads may find an owner."""
    server.add(
        add_AssignmentServiceServicer_to_server,
        AssignmentServicer(database, desk, wake_drain=wake_drain),
        "leadchain.assignment.v1.AssignmentService",
    )


class AssignmentServicer(AssignmentServiceServicer):
    """Who must act, and by when?"""

    def __init__(
        self, database: Database, desk: commands.Desk, *, wake_drain: Callable[[], None]
    ) -> None:
        self._database = database
        self._desk = desk
        self._wake_drain = wake_drain

    async def PutReps(self, request: pb.PutRepsRequest, context: Context) -> pb.PutRepsResponse:
        """Creates or changes reps; a first set of waiting leads is drained before the answer, the rest after it."""
        async with self._database.unit_of_work() as uow:
            changed_count = await commands.put_reps(uow, wire.reps(request))
        async with self._database.unit_of_work() as uow:
            drained = await commands.drain_waiting(uow, self._desk)
        self._wake_drain()
        return wire.put_reps_response(
            changed_count=changed_count, drained_count=drained.assigned_count
        )

    async def ListReps(self, request: pb.ListRepsRequest, context: Context) -> pb.ListRepsResponse:
        """Every rep with their open leads."""
        return wire.list_reps_response(await queries.list_reps(self._database))

    async def GetAssignment(
        self, request: pb.GetAssignmentRequest, context: Context
    ) -> pb.GetAssignmentResponse:
        """The owner of a lead, and the clock."""
        lead_id = wire.lead_id(request.lead_id)
        return wire.assignment_response(await queries.get_assignment(self._database, lead_id))

    async def ExplainAssignment(
        self, request: pb.ExplainAssignmentRequest, context: Context
    ) -> pb.ExplainAssignmentResponse:
        """Why each decision about a lead was made."""
        lead_id = wire.lead_id(request.lead_id)
        explanations = await queries.explain_assignment(self._database, lead_id)
        return wire.explanation_response(lead_id, explanations)

    async def MarkContacted(
        self, request: pb.MarkContactedRequest, context: Context
    ) -> pb.MarkContactedResponse:
        """The owner says that contact was made."""
        lead_id, rep_id = wire.marked(request)
        async with self._database.unit_of_work() as uow:
            contacted_at = await commands.mark_contacted(uow, lead_id, rep_id)
        return wire.contacted_response(contacted_at)
