"""OffboardingService."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accesskit.facts import checked_name
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from leadchain.permissions.v1.sessions_service_pb2_grpc import (
    OffboardingServiceServicer,
    add_OffboardingServiceServicer_to_server,
)

from permissions.commands import offboarding as commands
from permissions.domain.sessions import check_request_id
from permissions.queries import offboarding as queries
from permissions.queries.own import permitted, user
from permissions.queries.rights import known_caller
from permissions.queries.spreading import in_force
from permissions.wire import offboarding as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live

    Context = ServicerContext[Any, Any]


def serve(chassis: Chassis, live: Live) -> None:
    """Answers OffboardingService on the chassis' gRPC host."""
    chassis.grpc.add(
        add_OffboardingServiceServicer_to_server,
        OffboardingServicer(chassis.database, live),
        "leadchain.permissions.v1.OffboardingService",
    )


class OffboardingServicer(OffboardingServiceServicer):
    """How somebody's rights end, all at once."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    async def Offboard(self, request: pb.OffboardRequest, context: Context) -> pb.OffboardResponse:
        """Ends everything that a person may do and hands on what they own."""
        wanted = wire.offboarding_request(request, requested_by=known_caller().subject)
        if request.dry_run:
            report = await commands.preview(self._database, wanted, now=self._now())
            return wire.preview_response(report)
        done = await commands.offboard(self._database, wanted)
        is_confirmed = await in_force(
            self._database, self._live, done.token, revision=done.revision
        )
        return wire.offboard_response(done, is_confirmed=is_confirmed)

    async def GetOffboarding(
        self, request: pb.GetOffboardingRequest, context: Context
    ) -> pb.GetOffboardingResponse:
        """What an offboarding did, and which service has confirmed it and when."""
        check_request_id(request.request_id)
        shown = await queries.get_offboarding(self._database, request.request_id, now=self._now())
        await permitted(self._live, "offboard", user(shown.offboarding.report.principal_id))
        return wire.get_offboarding_response(shown)

    async def Suspend(self, request: pb.SuspendRequest, context: Context) -> pb.SuspendResponse:
        """Ends a principal's sessions and refuses everything until they are resumed."""
        actor, principal_id = known_caller().subject, checked_name(request.principal_id, "id")
        done = await commands.suspend(self._database, principal_id, actor=actor)
        is_confirmed = await in_force(
            self._database, self._live, done.token, revision=done.revision
        )
        return pb.SuspendResponse(epoch=done.epoch, token=done.token, is_confirmed=is_confirmed)

    async def Resume(self, request: pb.ResumeRequest, context: Context) -> pb.ResumeResponse:
        """Lets a suspended principal sign in again."""
        actor, principal_id = known_caller().subject, checked_name(request.principal_id, "id")
        token = await commands.resume(self._database, principal_id, actor=actor)
        return pb.ResumeResponse(token=token)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._live.now_s, UTC)
