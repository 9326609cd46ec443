"""IdentityService: which customer is this?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1.identity_service_pb2_grpc import (
    IdentityServiceServicer,
    add_IdentityServiceServicer_to_server,
)

from identity.queries import customers as queries
from identity.wire import customers as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.identity.v1 import identity_service_pb2 as pb
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.IdentityService"


def serve(chassis: Chassis) -> None:
    """Answers IdentityService on the chassis' gRPC host."""
    servicer = IdentityServicer(chassis.database)
    chassis.grpc.add(add_IdentityServiceServicer_to_server, servicer, SERVICE)


class IdentityServicer(IdentityServiceServicer):
    """Which customer is this?"""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetIdentity(
        self, request: pb.GetIdentityRequest, context: Context
    ) -> pb.GetIdentityResponse:
        """The customer of a lead."""
        lead_id = wire.lead_id(request.lead_id)
        return wire.identity_response(*await queries.get_identity(self._database, lead_id))

    async def GetCustomer(
        self, request: pb.GetCustomerRequest, context: Context
    ) -> pb.GetCustomerResponse:
        """One customer and their leads."""
        customer_id = wire.customer_id(request.customer_id)
        return wire.customer_response(*await queries.get_customer(self._database, customer_id))
