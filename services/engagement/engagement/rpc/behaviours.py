"""BehavioursService: what does the customer say?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1 import behaviours_service_pb2 as pb
from leadchain.engagement.v1.behaviours_service_pb2_grpc import (
    BehavioursServiceServicer,
    add_BehavioursServiceServicer_to_server,
)
from servicekit.auth import caller_id

from engagement.commands.behaviours import Behaviours
from engagement.queries import behaviours as queries
from engagement.wire import behaviours as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.domain.behaviours import BehaviourPolicy
    from engagement.seals import Seals

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.BehavioursService"


def serve(chassis: Chassis, policy: BehaviourPolicy, seals: Seals) -> None:
    """Answers BehavioursService on the chassis' gRPC host."""
    servicer = BehavioursServicer(chassis.database, policy, seals)
    chassis.grpc.add(add_BehavioursServiceServicer_to_server, servicer, SERVICE)


class BehavioursServicer(BehavioursServiceServicer):
    """What does the customer say?"""

    def __init__(self, database: Database, policy: BehaviourPolicy, seals: Seals) -> None:
        self._database = database
        self._policy = policy
        self._seals = seals
        self._behaviours = Behaviours(policy, seals)

    async def MarkBehaviour(
        self, request: pb.MarkBehaviourRequest, context: Context
    ) -> pb.MarkBehaviourResponse:
        """Marks a behaviour in the caller's name."""
        lead_id = uuid(request.lead_id, "lead_id")
        async with self._database.unit_of_work() as uow:
            is_new = await self._behaviours.mark(uow, lead_id, request.tag, by=caller_id())
        return pb.MarkBehaviourResponse(is_repeated=not is_new)

    async def ListBehaviours(
        self, request: pb.ListBehavioursRequest, context: Context
    ) -> pb.ListBehavioursResponse:
        """The behaviours of a lead's customer."""
        lead_id = uuid(request.lead_id, "lead_id")
        found = await queries.list_behaviours(self._database, lead_id)
        return wire.listed(*found, self._policy)

    async def GetTranscript(
        self, request: pb.GetTranscriptRequest, context: Context
    ) -> pb.GetTranscriptResponse:
        """What was said in one contact."""
        found = await queries.get_transcript(
            self._database,
            uuid(request.lead_id, "lead_id"),
            uuid(request.contact_id, "contact_id"),
            self._seals,
        )
        return wire.transcript(found)

    async def TryRules(self, request: pb.TryRulesRequest, context: Context) -> pb.TryRulesResponse:
        """What the rules would find."""
        marks = self._policy.marks_in(wire.tried(request.text))
        return pb.TryRulesResponse(marks=wire.told_marks(marks))
