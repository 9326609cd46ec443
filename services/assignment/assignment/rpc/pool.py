"""PoolService: what nobody has, for who wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1.pool_service_pb2_grpc import (
    PoolServiceServicer,
    add_PoolServiceServicer_to_server,
)

from assignment import commands, queries
from assignment.wire import pool as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.assignment.v1 import pool_service_pb2 as pb
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer

    Context = ServicerContext[Any, Any]


def serve(server: GrpcServer, database: Database, desk: commands.Desk) -> None:
    """Adds the service to a host."""
    server.add(
        add_PoolServiceServicer_to_server,
        PoolServicer(database, desk),
        "leadchain.assignment.v1.PoolService",
    )


class PoolServicer(PoolServiceServicer):
    """Who takes what nobody has?"""

    def __init__(self, database: Database, desk: commands.Desk) -> None:
        self._database = database
        self._desk = desk

    async def ListPool(self, request: pb.ListPoolRequest, context: Context) -> pb.ListPoolResponse:
        """Leads in the pool."""
        limit = wire.list_limit(request)
        return wire.list_response(await queries.list_pool(self._database, self._desk, limit))

    async def ClaimLead(
        self, request: pb.ClaimLeadRequest, context: Context
    ) -> pb.ClaimLeadResponse:
        """Somebody takes a lead."""
        lead_id, rep_id = wire.claim(request)
        async with self._database.unit_of_work() as uow:
            claimed = await commands.claim_lead(uow, self._desk, lead_id, rep_id)
        return wire.claim_response(claimed)
