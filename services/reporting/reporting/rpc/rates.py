"""RatesService: how soon did owners do something that counts?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leadchain.reporting.v1.rates_service_pb2_grpc import (
    RatesServiceServicer,
    add_RatesServiceServicer_to_server,
)

from reporting.queries import rates as queries
from reporting.wire import rates as wire
from reporting.wire import spans

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grpc.aio import ServicerContext
    from leadchain.reporting.v1 import rates_service_pb2 as pb
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer

    from reporting.domain.metrics import Contracts

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.reporting.v1.RatesService"


@dataclass(frozen=True, slots=True)
class Terms:
    """By what figures are reckoned: their contracts, who leads whom, the time zone of days, and the clock."""

    contracts: Contracts
    manager_of: Callable[[str], str]
    time_zone: str
    clock: Callable[[], datetime]


def serve(grpc: GrpcServer, database: Database, terms: Terms) -> None:
    """Answers RatesService on the service's gRPC port."""
    grpc.add(add_RatesServiceServicer_to_server, RatesServicer(database, terms), SERVICE)


class RatesServicer(RatesServiceServicer):
    """Answers how soon owners did something that counts."""

    def __init__(self, database: Database, terms: Terms) -> None:
        self._database = database
        self._terms = terms

    async def GetFollowUpRates(
        self, request: pb.GetFollowUpRatesRequest, context: Context
    ) -> pb.GetFollowUpRatesResponse:
        """Rates of a period beside those of another."""
        terms, now = self._terms, self._terms.clock()
        wanted = wire.wanted_rates(request, now=now)
        rates = await queries.get_rates(
            self._database, wanted, manager_of=terms.manager_of, as_of=now
        )
        return wire.rates_response(rates, terms.contracts)

    async def GetFollowUpTargets(
        self, request: pb.GetFollowUpTargetsRequest, context: Context
    ) -> pb.GetFollowUpTargetsResponse:
        """How far the targets are met."""
        contracts = self._terms.contracts
        until = spans.time(request, "until") or self._terms.clock()
        report = await queries.get_targets(
            self._database, until=until, window=contracts.targets.window
        )
        return wire.targets_response(report, contracts)

    async def GetMissedFollowUps(
        self, request: pb.GetMissedFollowUpsRequest, context: Context
    ) -> pb.GetMissedFollowUpsResponse:
        """When in the week deadlines are missed."""
        terms, now = self._terms, self._terms.clock()
        wanted = wire.wanted_week(request, now=now, time_zone=terms.time_zone)
        week = await queries.get_missed(
            self._database, wanted, manager_of=terms.manager_of, as_of=now
        )
        return wire.missed_response(week, terms.contracts)
