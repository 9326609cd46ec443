"""TagsService: tags are made, said of customers, and searched by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1 import tags_service_pb2 as pb
from leadchain.identity.v1.tags_service_pb2_grpc import (
    TagsServiceServicer,
    add_TagsServiceServicer_to_server,
)
from servicekit.auth import caller_id

from identity.commands import tags as commands
from identity.policies.tags import load_opinion_words
from identity.queries import tags as queries
from identity.queries.walls import READ
from identity.wire import tags as wire
from identity.workers.computed_tags import IDLE_S, ComputedTags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from identity.queries.walls import Walls

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.TagsService"


def serve(chassis: Chassis, walls: Walls) -> None:
    """Answers TagsService on the chassis' gRPC host; `walls` say who may read whom."""
    chassis.work("computed tags", ComputedTags(chassis.database).step, idle_s=IDLE_S)
    servicer = TagsServicer(chassis.database, walls)
    chassis.grpc.add(add_TagsServiceServicer_to_server, servicer, SERVICE)


class TagsServicer(TagsServiceServicer):
    """Answers those who tag customers and look for them."""

    def __init__(self, database: Database, walls: Walls) -> None:
        self._database = database
        self._walls = walls
        self._opinion_words = load_opinion_words()

    async def CreateTag(
        self, request: pb.CreateTagRequest, context: Context
    ) -> pb.CreateTagResponse:
        """Makes a tag."""
        definition = wire.definition(request.tag)
        async with self._database.unit_of_work() as uow:
            tag = await commands.create_tag(
                uow, definition, actor=caller_id(), opinion_words=self._opinion_words
            )
        return pb.CreateTagResponse(tag=wire.tag(tag))

    async def AddSynonym(
        self, request: pb.AddSynonymRequest, context: Context
    ) -> pb.AddSynonymResponse:
        """Makes another word stand for a tag."""
        async with self._database.unit_of_work() as uow:
            renamed = await commands.add_synonym(uow, request.tag, request.synonym)
        return pb.AddSynonymResponse(renamed_count=renamed)

    async def RetireTag(
        self, request: pb.RetireTagRequest, context: Context
    ) -> pb.RetireTagResponse:
        """Takes a tag out of use."""
        async with self._database.unit_of_work() as uow:
            await commands.retire_tag(uow, request.tag)
        return pb.RetireTagResponse()

    async def ListTags(self, request: pb.ListTagsRequest, context: Context) -> pb.ListTagsResponse:
        """Every tag."""
        tags = await queries.list_tags(self._database, with_retired=request.with_retired)
        return pb.ListTagsResponse(tags=[wire.tag(tag) for tag in tags])

    async def TagCustomer(
        self, request: pb.TagCustomerRequest, context: Context
    ) -> pb.TagCustomerResponse:
        """Says a tag of a customer."""
        async with self._database.unit_of_work() as uow:
            replaced = await commands.tag_customer(
                uow,
                request.customer_id,
                request.tag,
                evidence=request.evidence,
                actor=caller_id(),
            )
        return pb.TagCustomerResponse(replaced="、".join(replaced))

    async def UntagCustomer(
        self, request: pb.UntagCustomerRequest, context: Context
    ) -> pb.UntagCustomerResponse:
        """Takes a tag back."""
        async with self._database.unit_of_work() as uow:
            await commands.untag_customer(uow, request.customer_id, request.tag, actor=caller_id())
        return pb.UntagCustomerResponse()

    async def GetCustomerTags(
        self, request: pb.GetCustomerTagsRequest, context: Context
    ) -> pb.GetCustomerTagsResponse:
        """The tags of a customer."""
        tags = await queries.tags_of_customer(
            self._database, request.customer_id, with_former=request.with_former
        )
        return wire.customer_tags(tags)

    async def FindCustomers(
        self, request: pb.FindCustomersRequest, context: Context
    ) -> pb.FindCustomersResponse:
        """Customers who have all of some tags."""
        found = await queries.find_customers(
            self._database, wire.search(request), may_read=self._readable
        )
        return wire.found_response(found)

    def _readable(self, golden_ids: Sequence[str]) -> set[str]:
        return {golden_id for golden_id in golden_ids if self._walls.may(READ, golden_id, ())}
