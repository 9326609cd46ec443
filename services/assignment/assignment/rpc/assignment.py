"""AssignmentService: who must act, and by when; and what reps and operators tell of themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1 import assignment_service_pb2 as pb
from leadchain.assignment.v1.assignment_service_pb2_grpc import (
    AssignmentServiceServicer,
    add_AssignmentServiceServicer_to_server,
)

from assignment import commands, queries, wire
from assignment.domain.leads import RepId
from assignment.wire import reps as rep_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from grpc.aio import ServicerContext
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer

    from assignment.domain.gaps import Gap

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
        reps = rep_wire.reps(request)
        async with self._database.unit_of_work() as uow:
            changed_count = await commands.put_reps(uow, reps)
        drained_count = await self._drain()
        gaps = await self._gaps(rep.rep_id for rep in reps)
        return rep_wire.put_reps_response(
            changed_count=changed_count, drained_count=drained_count, gaps=gaps
        )

    async def ImportReps(
        self, request: pb.ImportRepsRequest, context: Context
    ) -> pb.ImportRepsResponse:
        """Changes some attributes of many reps, or says what would change."""
        patches = rep_wire.patches(request)
        async with self._database.unit_of_work() as uow:
            done = await commands.import_reps(uow, patches, is_dry_run=request.is_dry_run)
        drained_count = 0 if request.is_dry_run else await self._drain()
        gaps = await self._gaps(patch.rep_id for patch in patches)
        return rep_wire.import_reps_response(done, drained_count=drained_count, gaps=gaps)

    async def CheckReps(
        self, request: pb.CheckRepsRequest, context: Context
    ) -> pb.CheckRepsResponse:
        """What reps lack of what rules in force ask for."""
        gaps, rep_count = await queries.gaps_in_force(self._database, self._desk)
        return rep_wire.check_reps_response(gaps, rep_count=rep_count)

    async def PutCalendars(
        self, request: pb.PutCalendarsRequest, context: Context
    ) -> pb.PutCalendarsResponse:
        """Creates or changes calendars."""
        calendars = rep_wire.calendars(request)
        async with self._database.unit_of_work() as uow:
            changed_count = await commands.put_calendars(uow, calendars)
        await self._drain()
        return pb.PutCalendarsResponse(changed_count=changed_count)

    async def ListCalendars(
        self, request: pb.ListCalendarsRequest, context: Context
    ) -> pb.ListCalendarsResponse:
        """Every calendar."""
        return rep_wire.list_calendars_response(await queries.list_calendars(self._database))

    async def ReportRepPresence(
        self, request: pb.ReportRepPresenceRequest, context: Context
    ) -> pb.ReportRepPresenceResponse:
        """A rep is seen at work, or goes away for a while."""
        async with self._database.unit_of_work() as uow:
            await commands.report_presence(
                uow, self._desk, RepId(request.rep_id), is_away=request.is_away
            )
            seen_at = uow.now
        self._wake_drain()
        return rep_wire.presence_response(seen_at)

    async def ListReps(self, request: pb.ListRepsRequest, context: Context) -> pb.ListRepsResponse:
        """Every rep with their open leads."""
        loads = await queries.list_reps(self._database, now=datetime.now(UTC))
        return rep_wire.list_reps_response(loads)

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

    async def AcceptLead(
        self, request: pb.AcceptLeadRequest, context: Context
    ) -> pb.AcceptLeadResponse:
        """The owner takes the lead on."""
        lead_id, rep_id = wire.owner_of(request)
        async with self._database.unit_of_work() as uow:
            accepted_at = await commands.accept_lead(uow, lead_id, rep_id)
        return wire.accepted_response(accepted_at)

    async def DeclineLead(
        self, request: pb.DeclineLeadRequest, context: Context
    ) -> pb.DeclineLeadResponse:
        """The owner gives the lead back to somebody else."""
        lead_id, rep_id = wire.owner_of(request)
        async with self._database.unit_of_work() as uow:
            declined = await commands.decline_lead(
                uow, self._desk, lead_id, rep_id, reason=request.reason
            )
        self._wake_drain()
        return wire.declined_response(declined)

    async def _drain(self) -> int:
        """Lets those who are on duty take a first set of waiting leads; returns how many found an owner."""
        async with self._database.unit_of_work() as uow:
            await commands.note_duty(uow, self._desk)
        async with self._database.unit_of_work() as uow:
            drained = await commands.drain_waiting(uow, self._desk)
        self._wake_drain()
        return drained.assigned_count

    async def _gaps(self, rep_ids: Iterable[RepId]) -> list[Gap]:
        """What these reps lack of what rules in force ask for."""
        return (await queries.gaps_in_force(self._database, self._desk, set(rep_ids)))[0]
