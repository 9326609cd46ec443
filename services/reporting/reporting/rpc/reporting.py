"""ReportingService: the ledger, the funnel, one lead's story and latencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.reporting.v1.reporting_service_pb2_grpc import (
    ReportingServiceServicer,
    add_ReportingServiceServicer_to_server,
)
from servicekit.errors import Invalid

from reporting.queries import leads as queries
from reporting.queries import ledger as ledger_queries
from reporting.wire import leads as wire
from reporting.wire import ledger as ledger_wire
from reporting.wire import spans

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from grpc.aio import ServicerContext
    from leadchain.reporting.v1 import reporting_service_pb2 as pb
    from servicekit.database import Database
    from servicekit.grpc_server import GrpcServer

    from reporting.queries.ledger import Keepers


class ReportingServicer(ReportingServiceServicer):
    """Answers what the numbers say, and whether they can be trusted."""

    def __init__(
        self,
        database: Database,
        keepers: Keepers,
        *,
        grace: timedelta,
        time_zone: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._keepers = keepers
        self._grace = grace
        self._time_zone = time_zone
        self._clock = clock

    async def GetLedger(
        self, request: pb.GetLedgerRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetLedgerResponse:
        """The conservation of leads."""
        span, now = spans.hours(request), self._clock()
        ledger = await ledger_queries.get_ledger(self._keepers, span, now=now, grace=self._grace)
        return ledger_wire.ledger_response(ledger)

    async def GetFunnel(
        self, request: pb.GetFunnelRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetFunnelResponse:
        """Leads by channel, day and outcome."""
        span = spans.span(request)
        funnel = await queries.get_funnel(self._database, span, time_zone=self._time_zone)
        return wire.funnel_response(*funnel)

    async def GetLeadTimeline(
        self, request: pb.GetLeadTimelineRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetLeadTimelineResponse:
        """Everything that happened to one lead."""
        lead_id = _uuid(request.lead_id)
        return wire.timeline_response(
            lead_id, await queries.get_lead_timeline(self._database, lead_id)
        )

    async def GetLatency(
        self, request: pb.GetLatencyRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetLatencyResponse:
        """How long leads took from acceptance to reminder."""
        since = spans.time(request, "since")
        return wire.latency_response(await queries.get_latency(self._database, since=since))


def serve(grpc: GrpcServer, servicer: ReportingServicer) -> None:
    """Puts the servicer on the service's gRPC port."""
    grpc.add(
        add_ReportingServiceServicer_to_server,
        servicer,
        "leadchain.reporting.v1.ReportingService",
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("lead_id is not a UUID") from None
