"""MappingsService: mappings of accounts are tried out, published and taken back; drifts of shape are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.intake.v1.mappings_service_pb2_grpc import (
    MappingsServiceServicer,
    add_MappingsServiceServicer_to_server,
)
from servicekit.auth import caller_id

from lead_intake.commands import mappings as commands
from lead_intake.commands.accounts import Office
from lead_intake.commands.configuration_changes import Permit
from lead_intake.commands.mappings import Candidate, Publication
from lead_intake.queries import mappings as queries
from lead_intake.queries import shapes as shape_queries
from lead_intake.wire import mappings as wire
from lead_intake.wire import shapes as shape_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grpc.aio import ServicerContext
    from leadchain.intake.v1 import mappings_service_pb2 as pb
    from servicekit.chassis import Chassis

    from lead_intake.clients import Approvals
    from lead_intake.commands.keeping import Desk

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.intake.v1.MappingsService"


def serve(chassis: Chassis, desk: Desk, approvals: Approvals) -> None:
    """Answers MappingsService on the chassis' gRPC host."""
    office = Office(chassis.database, approvals, desk.accounts.catalogue, desk.seals)
    chassis.grpc.add(add_MappingsServiceServicer_to_server, MappingsServicer(office, desk), SERVICE)


class MappingsServicer(MappingsServiceServicer):
    """Answers those who decide how deliveries are read."""

    def __init__(self, office: Office, desk: Desk) -> None:
        self._office = office
        self._desk = desk

    async def CheckMapping(
        self, request: pb.CheckMappingRequest, context: Context
    ) -> AsyncIterator[pb.CheckMappingResponse]:
        """Tries a candidate out."""
        candidate = Candidate(
            request.channel, request.account, request.document, request.quarantined_max
        )
        async for told in commands.check_mapping(
            self._office, self._desk.lexicons, candidate, checked_by=caller_id()
        ):
            yield wire.check_response(told)

    async def PublishMapping(
        self, request: pb.PublishMappingRequest, context: Context
    ) -> pb.PublishMappingResponse:
        """Puts a mapping into force."""
        wanted = Publication(
            request.channel, request.account, request.document, request.sha256, request.version
        )
        permit = Permit(caller_id(), request.approval_id)
        published = await commands.publish_mapping(self._office, wanted, permit)
        await self._desk.accounts.refresh()
        return wire.published_response(published)

    async def ListMappings(
        self, request: pb.ListMappingsRequest, context: Context
    ) -> pb.ListMappingsResponse:
        """The mappings that an account had."""
        found = await queries.list_mappings(self._office.database, request.channel, request.account)
        return wire.mappings_response(found)

    async def GetMapping(
        self, request: pb.GetMappingRequest, context: Context
    ) -> pb.GetMappingResponse:
        """One mapping with its document."""
        found = await queries.get_mapping(
            self._office.database, request.channel, request.account, version=request.version
        )
        return wire.mapping_response(found)

    async def ListDrifts(
        self, request: pb.ListDriftsRequest, context: Context
    ) -> pb.ListDriftsResponse:
        """How the bodies of accounts have changed their shape."""
        wanted = shape_wire.wanted(request)
        return shape_wire.drifts_response(
            await shape_queries.list_drifts(self._office.database, wanted)
        )
