"""ChannelsService: the channels that are installed, and trying their mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.intake.v1.channels_service_pb2_grpc import (
    ChannelsServiceServicer,
    add_ChannelsServiceServicer_to_server,
)

from lead_intake.channels.channel_files import load_templates
from lead_intake.channels.shipped_samples import load_samples
from lead_intake.queries import channels as queries
from lead_intake.wire import channels as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from leadchain.intake.v1 import channels_service_pb2 as pb
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from lead_intake.commands.keeping import Desk
    from lead_intake.queries.channels import Catalogue
    from lead_intake.reading import Lexicons

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.intake.v1.ChannelsService"


def serve(chassis: Chassis, desk: Desk) -> None:
    """Answers ChannelsService on the chassis' gRPC host."""
    templates = load_templates()
    catalogue = queries.Catalogue(desk.accounts, templates, load_samples())
    servicer = ChannelsServicer(chassis.database, catalogue, desk.lexicons)
    chassis.grpc.add(add_ChannelsServiceServicer_to_server, servicer, SERVICE)


class ChannelsServicer(ChannelsServiceServicer):
    """Answers operators."""

    def __init__(self, database: Database, catalogue: Catalogue, lexicons: Lexicons) -> None:
        self._database = database
        self._catalogue = catalogue
        self._lexicons = lexicons

    async def ListChannels(
        self, request: pb.ListChannelsRequest, context: Context
    ) -> pb.ListChannelsResponse:
        """Every channel and how far its accounts are read."""
        return wire.channels_response(await queries.list_channels(self._database, self._catalogue))

    async def TestMapping(
        self, request: pb.TestMappingRequest, context: Context
    ) -> pb.TestMappingResponse:
        """What a mapping makes of bodies, or of the samples that ship."""
        file = queries.mapping_of(
            self._catalogue,
            channel=request.channel,
            template=request.template,
            account=request.account,
        )
        if request.bodies:
            trials = queries.try_bodies(
                file, request.bodies, self._lexicons, are_fetched=request.are_fetched
            )
        else:
            samples = self._catalogue.samples.get(request.template or request.channel, ())
            trials = queries.try_samples(file, samples, self._lexicons)
        return wire.tested_response(file, trials)
