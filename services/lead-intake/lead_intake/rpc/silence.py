"""WatchingService: is every account heard, compared with its sender, and subscribed?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import holidays
from leadchain.intake.v1 import watching_service_pb2 as pb
from leadchain.intake.v1.watching_service_pb2_grpc import (
    WatchingServiceServicer,
    add_WatchingServiceServicer_to_server,
)

from lead_intake.commands import silence as commands
from lead_intake.domain.silence import Calendar
from lead_intake.queries import pulls as pull_queries
from lead_intake.queries import silence as queries
from lead_intake.queries.silence import Scene
from lead_intake.vendors.baidu import BaiduApi
from lead_intake.vendors.feiyu import FeiyuApi
from lead_intake.wire import pulls as pull_wire
from lead_intake.wire import silence as wire
from lead_intake.workers import reconciler, silence_watch, subscription_audit
from lead_intake.workers.reconciler import Reconciler
from lead_intake.workers.silence_watch import SilenceWatch
from lead_intake.workers.subscription_audit import PageAuditor, SubscriptionAudit

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from lead_intake.accounts import Accounts
    from lead_intake.commands.pulls import Stores
    from lead_intake.settings import Settings
    from lead_intake.vendors.graph import GraphApi
    from lead_intake.vendors.pulling import Puller

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.intake.v1.WatchingService"
FACEBOOK, FEIYU, BAIDU = "facebook_leadgen", "ocean_engine_feiyu", "baidu_jimuyu"
"""The channels whose senders can be asked what they have."""


def serve(
    chassis: Chassis, settings: Settings, accounts: Accounts, stores: Stores, graph: GraphApi
) -> None:
    """Answers WatchingService, and watches, compares and audits the accounts in the background."""
    scale = settings.watch_scale
    feiyu, baidu = FeiyuApi(settings.feiyu_base_url), BaiduApi(settings.baidu_base_url)
    chassis.workers += [feiyu, baidu]
    pullers: dict[str, Puller] = {FACEBOOK: graph, FEIYU: feiyu, BAIDU: baidu}
    comparing = chassis.work(
        "reconciler",
        Reconciler(stores, accounts, pullers, scale=scale).step,
        idle_s=reconciler.IDLE_S * scale,
    )
    audit = SubscriptionAudit(
        stores.database, accounts, {FACEBOOK: PageAuditor(graph, accounts)}, scale=scale
    )
    chassis.work("subscription audit", audit.step, idle_s=subscription_audit.IDLE_S * scale)
    calendar = chinese_calendar(settings.time_zone, today=datetime.now(UTC).date())
    watch = SilenceWatch(
        stores.database,
        calendar,
        never_spoke_after=timedelta(seconds=settings.never_spoke_after_s),
        on_silence=comparing.wake,
    )
    chassis.work("silence watch", watch.step, idle_s=silence_watch.IDLE_S * scale)
    servicer = WatchingServicer(stores.database, Scene(accounts, calendar, audit))
    chassis.grpc.add(add_WatchingServiceServicer_to_server, servicer, SERVICE)


def chinese_calendar(time_zone: str, *, today: date) -> Calendar:
    """Local time, with China's public holidays and the weekends worked instead, from last year to the next."""
    known = holidays.country_holidays("CN", years=range(today.year - 1, today.year + 2))
    return Calendar(ZoneInfo(time_zone), frozenset(known) | frozenset(known.weekend_workdays))


class WatchingServicer(WatchingServiceServicer):
    """Answers operators."""

    def __init__(self, database: Database, scene: Scene) -> None:
        self._database = database
        self._scene = scene

    async def ListSilences(
        self, request: pb.ListSilencesRequest, context: Context
    ) -> pb.ListSilencesResponse:
        """Silences, those that last first."""
        found = await queries.list_silences(
            self._database, with_ended=request.with_ended, page_size=request.page_size
        )
        return wire.silences_response(found)

    async def ListPulls(
        self, request: pb.ListPullsRequest, context: Context
    ) -> pb.ListPullsResponse:
        """How far accounts are compared."""
        return pull_wire.pulls_response(await pull_queries.list_pulls(self._database))

    async def AuditSubscriptions(
        self, request: pb.AuditSubscriptionsRequest, context: Context
    ) -> pb.AuditSubscriptionsResponse:
        """Asks the senders now, and says how accounts stand."""
        await self._scene.audit.audit(await queries.accounts_of(self._database, request.channel))
        found = await queries.standings(
            self._database, self._scene, channel=request.channel, now=datetime.now(UTC)
        )
        return wire.audit_response(found)

    async def SetExpectation(
        self, request: pb.SetExpectationRequest, context: Context
    ) -> pb.SetExpectationResponse:
        """Sets when an account counts as silent."""
        expectation = wire.expectation(request)
        async with self._database.unit_of_work() as uow:
            await commands.set_expectation(
                uow, channel=request.channel, account=request.account, expectation=expectation
            )
        return pb.SetExpectationResponse()
