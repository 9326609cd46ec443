"""Customer360Service and ContactabilityService: who a customer is over all systems, and may they be contacted?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from leadchain.identity.v1 import customer360_service_pb2 as pb
from leadchain.identity.v1.customer360_service_pb2_grpc import (
    ContactabilityServiceServicer,
    Customer360ServiceServicer,
    add_ContactabilityServiceServicer_to_server,
    add_Customer360ServiceServicer_to_server,
)
from servicekit.auth import caller_id

from identity.commands import objections
from identity.commands.objections import Objectors
from identity.queries.contactability import Contactability, ContactPoints
from identity.queries.customer360 import Customer360, named
from identity.store.golden_values import GoldenSeals
from identity.wire import contactability as contact_wire
from identity.wire.customer360 import SnapshotWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from grpc.aio import ServicerContext
    from matchkit.model import Hasher, Model
    from servicekit.chassis import Chassis
    from servicekit.database import Database
    from servicekit.sealing import KeyRing

    from identity.domain.contactability import ContactPolicy
    from identity.queries.walls import Walls
    from identity.seals import Seals

    Context = ServicerContext[Any, Any]

PACKAGE = "leadchain.identity.v1"


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def serve(  # noqa: PLR0913 - what it is made of
    chassis: Chassis,
    walls: Walls,
    policy: ContactPolicy,
    *,
    ring: KeyRing,
    index_key: str,
    seals: Seals,
    model: Model,
    hasher: Hasher,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Answers both services on the chassis' gRPC host; raises `servicekit.sealing.InvalidKey`."""
    database = chassis.database
    snapshots = Customer360(database, GoldenSeals(ring), walls, clock=clock)
    chassis.grpc.add(
        add_Customer360ServiceServicer_to_server,
        Customer360Servicer(snapshots, SnapshotWriter(ring, policy)),
        f"{PACKAGE}.Customer360Service",
    )
    points = ContactPoints(index_key)
    answers = Contactability(database, walls, policy, seals, points, clock=clock)
    objectors = Objectors(database, walls, model, hasher, seals)
    chassis.grpc.add(
        add_ContactabilityServiceServicer_to_server,
        ContactabilityServicer(database, answers, objectors),
        f"{PACKAGE}.ContactabilityService",
    )


class Customer360Servicer(Customer360ServiceServicer):
    """Everything known about one customer."""

    def __init__(self, snapshots: Customer360, writer: SnapshotWriter) -> None:
        self._snapshots = snapshots
        self._writer = writer

    async def GetCustomer360(
        self, request: pb.GetCustomer360Request, context: Context
    ) -> pb.GetCustomer360Response:
        """The snapshot."""
        snapshot = await self._snapshots.snapshot(
            named(request.id), list_size=request.list_size, is_clear=request.is_clear
        )
        return self._writer.response(snapshot)


class ContactabilityServicer(ContactabilityServiceServicer):
    """Do not disturb."""

    def __init__(self, database: Database, answers: Contactability, objectors: Objectors) -> None:
        self._database = database
        self._answers = answers
        self._objectors = objectors

    async def MayContact(
        self, request: pb.MayContactRequest, context: Context
    ) -> pb.MayContactResponse:
        """The answer, and every reason against it."""
        wish = contact_wire.wish(request)
        return contact_wire.verdict_response(
            await self._answers.may_contact(named(request.id), wish)
        )

    async def RecordObjection(
        self, request: pb.RecordObjectionRequest, context: Context
    ) -> pb.RecordObjectionResponse:
        """Keeps a customer's wish."""
        tokens = await self._objectors.known_by(named(request.id))
        async with self._database.unit_of_work() as uow:
            objection_id, objection = contact_wire.objection(request, now=uow.now)
            await objections.record(uow, tokens, objection_id, objection, actor=caller_id())
        return pb.RecordObjectionResponse(objection_id=str(objection_id))

    async def WithdrawObjection(
        self, request: pb.WithdrawObjectionRequest, context: Context
    ) -> pb.WithdrawObjectionResponse:
        """Ends a customer's wish."""
        objection_id = contact_wire.withdrawn_id(request)
        tokens = await self._objectors.known_by(named(request.id))
        async with self._database.unit_of_work() as uow:
            count = await objections.withdraw(uow, tokens, objection_id, actor=caller_id())
        return pb.WithdrawObjectionResponse(withdrawn_count=count)
