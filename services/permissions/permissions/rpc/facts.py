"""FactsService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.permissions.v1 import facts_service_pb2 as pb
from leadchain.permissions.v1.facts_service_pb2_grpc import (
    FactsServiceServicer,
    add_FactsServiceServicer_to_server,
)

from permissions.commands.facts import FactWriter, confirm_revision, give_sign_of_life
from permissions.commands.principals import put_principals
from permissions.queries import following
from permissions.queries.facts import read_facts
from permissions.queries.rights import known_caller
from permissions.wire import facts as wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live


def serve(chassis: Chassis, live: Live) -> None:
    """Answers FactsService on the chassis' gRPC host, and tells replicas every second that it is there."""
    servicer = FactsServicer(chassis.database, live)
    chassis.grpc.add(
        add_FactsServiceServicer_to_server, servicer, "leadchain.permissions.v1.FactsService"
    )

    async def sign_of_life() -> bool:
        await give_sign_of_life(chassis.database)
        return False

    chassis.work("sign of life", sign_of_life, idle_s=following.SIGN_OF_LIFE_S)


class FactsServicer(FactsServiceServicer):
    """Writing and following what decisions are made from."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live
        self._writer = FactWriter(database, live)

    async def WriteFacts(
        self, request: pb.WriteFactsRequest, context: ServicerContext[Any, Any]
    ) -> pb.WriteFactsResponse:
        """Writes and removes facts in one transaction."""
        written = await self._writer.write(wire.facts_to_write(request), caller=known_caller())
        return pb.WriteFactsResponse(token=written.token, seq=written.seq)

    async def ReadFacts(
        self, request: pb.ReadFactsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ReadFactsResponse:
        """A page of the facts that match."""
        page = await read_facts(
            self._database,
            wire.fact_filter(request),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return wire.read_facts_response(page)

    async def PutPrincipals(
        self, request: pb.PutPrincipalsRequest, context: ServicerContext[Any, Any]
    ) -> pb.PutPrincipalsResponse:
        """Adds or changes principals."""
        recorded = await put_principals(
            self._database, wire.principals(request), actor=known_caller().subject
        )
        return pb.PutPrincipalsResponse(token=recorded.token)

    async def Snapshot(
        self, request: pb.SnapshotRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.SnapshotResponse]:
        """All that decisions are made from, at one revision."""
        async for part in following.snapshot(self._database):
            yield wire.snapshot_response(part)

    async def Watch(
        self, request: pb.WatchRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.WatchResponse]:
        """Every change after a revision, then each new one."""
        steps = following.watch(self._database, self._live, after_revision=request.after_revision)
        async for step in steps:
            yield wire.watch_response(step, log_id=self._live.log_id)

    async def ConfirmRevision(
        self, request: pb.ConfirmRevisionRequest, context: ServicerContext[Any, Any]
    ) -> pb.ConfirmRevisionResponse:
        """Notes what a replica has applied."""
        applied = wire.applied_revision(request, service=known_caller().subject)
        await confirm_revision(self._database, applied)
        return pb.ConfirmRevisionResponse()
