"""ResolutionService: whose is this row?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from leadchain.identity.v1 import resolution_service_pb2 as pb
from leadchain.identity.v1.resolution_service_pb2_grpc import (
    ResolutionServiceServicer,
    add_ResolutionServiceServicer_to_server,
)
from servicekit.auth import current_caller
from servicekit.errors import Unauthenticated

from identity.wire import resolution as wire
from identity.workers.gathering import Gathering

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from identity.commands.resolving import Resolver

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.ResolutionService"
IDLE_S = 1.0
TIMEOUT_S = 10.0
"""For callers who set no deadline of their own."""


def serve(chassis: Chassis, resolver: Resolver) -> None:
    """Answers ResolutionService on the chassis' gRPC host, and gathers what is asked at once."""
    gathering = Gathering(chassis.database, resolver)
    gathering.wake = chassis.work("resolving", gathering.step, idle_s=IDLE_S).wake
    servicer = ResolutionServicer(chassis.database, resolver, gathering)
    chassis.grpc.add(add_ResolutionServiceServicer_to_server, servicer, SERVICE)


class ResolutionServicer(ResolutionServiceServicer):
    """Whose is this row?"""

    def __init__(self, database: Database, resolver: Resolver, gathering: Gathering) -> None:
        self._database = database
        self._resolver = resolver
        self._gathering = gathering

    async def Resolve(self, request: pb.ResolveRequest, context: Context) -> pb.ResolveResponse:
        """Takes one row in."""
        statement = wire.statement(request.statement, actor=_actor(), received_at=_now())
        async with asyncio.timeout(TIMEOUT_S):
            resolved = await self._gathering.resolve(statement)
        return pb.ResolveResponse(resolution=wire.resolution(resolved))

    async def ResolveMany(
        self, request: pb.ResolveManyRequest, context: Context
    ) -> pb.ResolveManyResponse:
        """Takes several rows in, or none of them."""
        given = wire.statements(request.statements, actor=_actor(), received_at=_now())
        async with self._database.unit_of_work() as uow:
            resolved = await self._resolver.resolve(uow, given)
        return pb.ResolveManyResponse(resolutions=map(wire.resolution, resolved))

    async def Preview(self, request: pb.PreviewRequest, context: Context) -> pb.PreviewResponse:
        """Says whose a row would be."""
        given = wire.statement(request.statement, actor=_actor(), received_at=_now())
        async with self._database.unit_of_work() as uow:
            (resolved,) = await self._resolver.preview(uow, [given])
        return pb.PreviewResponse(resolution=wire.resolution(resolved))


def _actor() -> str:
    caller = current_caller()
    if caller is None:
        raise Unauthenticated("missing")
    return caller.subject


def _now() -> datetime:
    return datetime.now(UTC)
