"""DuplicatesService: is this customer ours already, and whom to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1.duplicates_service_pb2_grpc import (
    DuplicatesServiceServicer,
    add_DuplicatesServiceServicer_to_server,
)
from servicekit.auth import current_caller

from identity.commands.duplicates import Duplicates
from identity.queries.duplicates import Lookalikes
from identity.store import duplicates as store
from identity.wire import duplicates as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.identity.v1 import duplicates_service_pb2 as pb
    from matchkit.model import Hasher, Model
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from identity.domain.duplicates import WallPolicy
    from identity.queries.walls import Walls
    from identity.seals import Seals

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.DuplicatesService"


def serve(
    chassis: Chassis,
    walls: Walls,
    policy: WallPolicy,
    *,
    seals: Seals,
    model: Model,
    hasher: Hasher,
) -> None:
    """Answers the service on the chassis' gRPC host."""
    duplicates = Duplicates(Lookalikes(model, hasher, seals), walls, policy)
    servicer = DuplicatesServicer(chassis.database, duplicates)
    chassis.grpc.add(add_DuplicatesServiceServicer_to_server, servicer, SERVICE)


class DuplicatesServicer(DuplicatesServiceServicer):
    """Answers without a value of anybody's."""

    def __init__(self, database: Database, duplicates: Duplicates) -> None:
        self._database = database
        self._duplicates = duplicates

    async def CheckDuplicate(
        self, request: pb.CheckDuplicateRequest, context: Context
    ) -> pb.CheckDuplicateResponse:
        """Whether a customer exists."""
        async with self._database.unit_of_work() as uow:
            check = await self._duplicates.check(
                uow, wire.fields(request), actor_id=_actor_id(request.actor_id)
            )
        return wire.check_response(check)

    async def RequestAccess(
        self, request: pb.RequestAccessRequest, context: Context
    ) -> pb.RequestAccessResponse:
        """Passes a request on to the owner."""
        check_id = wire.uuid(request.check_id)
        async with self._database.unit_of_work() as uow:
            asked = await self._duplicates.request_access(
                uow, check_id, request.match_index, actor_id=_actor_id(request.actor_id)
            )
        return wire.access_response(asked)

    async def ListAccessRequests(
        self, request: pb.ListAccessRequestsRequest, context: Context
    ) -> pb.ListAccessRequestsResponse:
        """The caller's own requests and those that wait for the caller."""
        before, page_size = wire.page(request)
        person_id = _actor_id("")
        async with self._database.raw() as raw:
            found = await store.requests_of(raw, person_id, before=before, limit=page_size)
        return wire.requests_response(found, person_id=person_id, page_size=page_size)


def _actor_id(named: str) -> str:
    """For whom is asked; the guard has seen to it that the caller may speak for a person whom it names."""
    caller = current_caller()
    return named or (caller.subject if caller else "")
