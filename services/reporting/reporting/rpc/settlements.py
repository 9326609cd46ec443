"""SettlementsService: which follow-up rates are closed, and closing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.reporting.v1.settlements_service_pb2_grpc import (
    SettlementsServiceServicer,
    add_SettlementsServiceServicer_to_server,
)
from servicekit.auth import caller_id

from reporting.commands.settlements import Closing
from reporting.domain.settlements import Month
from reporting.queries import settlements as queries
from reporting.wire import settlements as wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grpc.aio import ServicerContext
    from leadchain.reporting.v1 import settlements_service_pb2 as pb
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from reporting.commands.settlements import Settlements

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.reporting.v1.SettlementsService"


def serve(chassis: Chassis, settlements: Settlements, *, clock: Callable[[], datetime]) -> None:
    """Answers SettlementsService on the chassis' gRPC host."""
    servicer = SettlementsServicer(chassis.database, settlements, clock=clock)
    chassis.grpc.add(add_SettlementsServiceServicer_to_server, servicer, SERVICE)


class SettlementsServicer(SettlementsServiceServicer):
    """Answers which follow-up rates are closed, and closes them."""

    def __init__(
        self, database: Database, settlements: Settlements, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._settlements = settlements
        self._clock = clock

    async def SettleFollowUpRates(
        self, request: pb.SettleFollowUpRatesRequest, context: Context
    ) -> pb.SettleFollowUpRatesResponse:
        """Closes a month in the caller's name."""
        wanted = Closing(Month.parse(request.period), caller_id(), request.approval_id)
        return wire.settle_response(await self._settlements.settle(wanted, now=self._clock()))

    async def PreviewSettlement(
        self, request: pb.PreviewSettlementRequest, context: Context
    ) -> pb.PreviewSettlementResponse:
        """What a settlement would say."""
        month = Month.parse(request.period)
        return wire.preview_response(await self._settlements.preview(month, as_of=self._clock()))

    async def ListSettlements(
        self, request: pb.ListSettlementsRequest, context: Context
    ) -> pb.ListSettlementsResponse:
        """Every statement, or those of a month."""
        period = str(Month.parse(request.period)) if request.period else ""
        return wire.list_response(await queries.list_settlements(self._database, period))

    async def GetSettlement(
        self, request: pb.GetSettlementRequest, context: Context
    ) -> pb.GetSettlementResponse:
        """One statement."""
        found = await queries.get_settlement(self._database, request.settlement_no)
        return wire.get_response(found)
