"""FollowUpsService: what was done?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1 import follow_ups_service_pb2 as pb
from leadchain.engagement.v1.follow_ups_service_pb2_grpc import (
    FollowUpsServiceServicer,
    add_FollowUpsServiceServicer_to_server,
)
from servicekit.auth import caller_id

from engagement.queries import follow_ups as queries
from engagement.wire import follow_ups as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from datetime import tzinfo

    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.commands.follow_ups import FollowUps
    from engagement.seals import Seals

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.FollowUpsService"


def serve(chassis: Chassis, commands: FollowUps, seals: Seals, zone: tzinfo) -> None:
    """Answers FollowUpsService on the chassis' gRPC host; weeks begin in `zone`."""
    servicer = FollowUpsServicer(chassis.database, commands, seals, zone)
    chassis.grpc.add(add_FollowUpsServiceServicer_to_server, servicer, SERVICE)


class FollowUpsServicer(FollowUpsServiceServicer):
    """What was done?"""

    def __init__(self, database: Database, commands: FollowUps, seals: Seals, zone: tzinfo) -> None:
        self._database = database
        self._commands = commands
        self._seals = seals
        self._zone = zone

    async def RecordFollowUp(
        self, request: pb.RecordFollowUpRequest, context: Context
    ) -> pb.RecordFollowUpResponse:
        """Records a follow-up of the caller's."""
        lead_id = uuid(request.lead_id, "lead_id")
        wanted = wire.wanted(lead_id, request.follow_up_id, request.statement, caller_id())
        claims = wire.claims(request.evidence)
        async with self._database.unit_of_work() as uow:
            recorded = await self._commands.record(uow, wanted, claims)
        return pb.RecordFollowUpResponse(follow_up=wire.follow_up(recorded))

    async def CorrectFollowUp(
        self, request: pb.CorrectFollowUpRequest, context: Context
    ) -> pb.CorrectFollowUpResponse:
        """Gives a follow-up of the caller's other words."""
        lead_id = uuid(request.lead_id, "lead_id")
        wanted = wire.wanted(lead_id, request.follow_up_id, request.statement, caller_id())
        async with self._database.unit_of_work() as uow:
            corrected = await self._commands.correct(uow, wanted, version=request.version)
        return pb.CorrectFollowUpResponse(follow_up=wire.follow_up(corrected))

    async def ListFollowUps(
        self, request: pb.ListFollowUpsRequest, context: Context
    ) -> pb.ListFollowUpsResponse:
        """The follow-ups about a lead."""
        size = min(request.page_size or queries.PAGE_SIZE, queries.PAGE_SIZE_MAX)
        found = await queries.list_follow_ups(
            self._database,
            uuid(request.lead_id, "lead_id"),
            self._seals,
            before=wire.before(request.page_token),
            size=size,
        )
        return wire.page(found, size)

    async def ListContacts(
        self, request: pb.ListContactsRequest, context: Context
    ) -> pb.ListContactsResponse:
        """What other systems reported of contacts with a lead's customer."""
        lead_id = uuid(request.lead_id, "lead_id")
        return wire.contacts(await queries.list_contacts(self._database, lead_id))

    async def GetWeeklyEffort(
        self, request: pb.GetWeeklyEffortRequest, context: Context
    ) -> pb.GetWeeklyEffortResponse:
        """What each rep can show for a week."""
        at = wire.moment(request.at)
        return wire.effort(*await queries.weekly_effort(self._database, at, self._zone))

    async def PutAddressPoint(
        self, request: pb.PutAddressPointRequest, context: Context
    ) -> pb.PutAddressPointResponse:
        """Keeps where a customer's address is."""
        lead_id = uuid(request.lead_id, "lead_id")
        point = wire.point(request.latitude, request.longitude, request.datum)
        async with self._database.unit_of_work() as uow:
            await self._commands.put_point(uow, lead_id, point, by=caller_id())
        return pb.PutAddressPointResponse()
