"""RPCs of identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1.identity_service_pb2_grpc import (
    IdentityServiceServicer,
    add_IdentityServiceServicer_to_server,
)

from identity import queries, wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.identity.v1 import identity_service_pb2 as pb
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer


def serve(grpc: GrpcServer, database: Database) -> None:
    """Answers identity's RPCs on `grpc`."""
    servicer = IdentityServicer(database)
    grpc.add(
        add_IdentityServiceServicer_to_server, servicer, "leadchain.identity.v1.IdentityService"
    )


class IdentityServicer(IdentityServiceServicer):
    """Which customer is this?"""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetIdentity(
        self, request: pb.GetIdentityRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetIdentityResponse:
        """The customer of a lead."""
        lead_id = wire.lead_id(request.lead_id)
        return wire.identity_response(*await queries.get_identity(self._database, lead_id))

    async def GetCustomer(
        self, request: pb.GetCustomerRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetCustomerResponse:
        """One customer and their leads."""
        customer_id = wire.customer_id(request.customer_id)
        return wire.customer_response(*await queries.get_customer(self._database, customer_id))
