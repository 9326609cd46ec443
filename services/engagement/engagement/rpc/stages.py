"""StagesService: how far is it, and what is missing to go on?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1 import stages_service_pb2 as pb
from leadchain.engagement.v1.stages_service_pb2_grpc import (
    StagesServiceServicer,
    add_StagesServiceServicer_to_server,
)
from servicekit.auth import caller_id

from engagement.queries import stages as queries
from engagement.wire import stages as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.commands.money import Money
    from engagement.commands.stages import Stages

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.StagesService"


def serve(chassis: Chassis, stages: Stages, money: Money) -> None:
    """Answers StagesService on the chassis' gRPC host."""
    servicer = StagesServicer(chassis.database, stages, money)
    chassis.grpc.add(add_StagesServiceServicer_to_server, servicer, SERVICE)


class StagesServicer(StagesServiceServicer):
    """How far is it, and what is missing to go on?"""

    def __init__(self, database: Database, stages: Stages, money: Money) -> None:
        self._database = database
        self._stages = stages
        self._money = money

    async def GetStage(self, request: pb.GetStageRequest, context: Context) -> pb.GetStageResponse:
        """The stage of a lead's opportunity."""
        lead_id = uuid(request.lead_id, "lead_id")
        overview = await queries.get_overview(self._database, lead_id)
        return wire.stage(overview, self._stages.machine)

    async def MoveStage(
        self, request: pb.MoveStageRequest, context: Context
    ) -> pb.MoveStageResponse:
        """Moves an opportunity in the caller's name."""
        lead_id = uuid(request.lead_id, "lead_id")
        async with self._database.unit_of_work() as uow:
            move_count = await self._stages.move(
                uow,
                lead_id,
                request.to_stage,
                move_count=request.move_count,
                by=caller_id(),
            )
        return pb.MoveStageResponse(move_count=move_count)

    async def CompleteAction(
        self, request: pb.CompleteActionRequest, context: Context
    ) -> pb.CompleteActionResponse:
        """Takes note that an action was done."""
        lead_id = uuid(request.lead_id, "lead_id")
        async with self._database.unit_of_work() as uow:
            points = await self._stages.complete(uow, lead_id, request.action)
        return pb.CompleteActionResponse(points=points)

    async def AddDocument(
        self, request: pb.AddDocumentRequest, context: Context
    ) -> pb.AddDocumentResponse:
        """Puts a document on record."""
        lead_id, document = uuid(request.lead_id, "lead_id"), wire.document(request)
        async with self._database.unit_of_work() as uow:
            await self._stages.add_document(uow, lead_id, document, by=caller_id())
        return pb.AddDocumentResponse()

    async def SetDeal(self, request: pb.SetDealRequest, context: Context) -> pb.SetDealResponse:
        """Keeps what a deal is about."""
        lead_id, deal = uuid(request.lead_id, "lead_id"), wire.deal(request.deal)
        async with self._database.unit_of_work() as uow:
            await self._money.set_deal(uow, lead_id, deal)
        return pb.SetDealResponse()

    async def LoseDeal(self, request: pb.LoseDealRequest, context: Context) -> pb.LoseDealResponse:
        """Closes an opportunity as lost."""
        lead_id = uuid(request.lead_id, "lead_id")
        async with self._database.unit_of_work() as uow:
            await self._stages.lose(uow, lead_id, request.reason, by=caller_id())
        return pb.LoseDealResponse()

    async def ListMoves(
        self, request: pb.ListMovesRequest, context: Context
    ) -> pb.ListMovesResponse:
        """Every move of an opportunity."""
        lead_id = uuid(request.lead_id, "lead_id")
        return wire.moves(await queries.list_moves(self._database, lead_id))

    async def ListUnmatchedPayments(
        self, request: pb.ListUnmatchedPaymentsRequest, context: Context
    ) -> pb.ListUnmatchedPaymentsResponse:
        """Payments that count for no deal."""
        return wire.unmatched(await queries.list_unmatched(self._database))

    async def MatchPayment(
        self, request: pb.MatchPaymentRequest, context: Context
    ) -> pb.MatchPaymentResponse:
        """Makes a payment a deal's."""
        payment_id = uuid(request.payment_id, "payment_id")
        lead_id = uuid(request.lead_id, "lead_id")
        async with self._database.unit_of_work() as uow:
            await self._money.match(uow, payment_id, lead_id)
        return pb.MatchPaymentResponse()
