"""Assignment, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from accesskit.enforcement import enforce
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit import metrics
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from assignment import commands, queries, rpc, subscribers
from assignment.clients import Approvals
from assignment.domain.clocks import CONTACT_TIMER, HOLD_TIMER, OVERDUE_TIMER, YELLOW_TIMER
from assignment.policies import load_pool, load_rules, load_sla, rules_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from servicekit.database import Database, UnitOfWork

    from assignment.domain.gaps import Gap
    from assignment.settings import Settings

    Fire: TypeAlias = Callable[[UnitOfWork, commands.Desk], Awaitable[commands.Fired]]

TIMER_POLL_S = 0.1
HOLD_POLL_S = 0.5
DRAIN_POLL_S = 1.0
DUTY_POLL_S = 0.25
GAPS_POLL_S = 60.0
GAPS_SHOWN_MAX = 20

log = structlog.get_logger()


def build(settings: Settings) -> Chassis:
    """The service; raises `InvalidPolicy` when a rule file cannot be used."""
    chassis = Chassis(settings)
    enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    desk = commands.Desk(
        load_rules(settings.routing_rules_file),
        load_sla(settings.sla_policy_file),
        load_pool(settings.pool_policy_file),
    )
    drain = Drain(chassis.database, desk, rules_text(settings.routing_rules_file))
    for kind, fire, poll_s in (
        (CONTACT_TIMER, commands.fire_contact_timers, TIMER_POLL_S),
        (YELLOW_TIMER, commands.fire_yellow_clocks, TIMER_POLL_S),
        (OVERDUE_TIMER, commands.fire_overdue_clocks, TIMER_POLL_S),
        (HOLD_TIMER, commands.fire_hold_clocks, HOLD_POLL_S),
    ):
        fuse = Fuse(chassis.database, desk, kind, fire)
        chassis.work(f"{kind} timers", fuse.step, idle_s=poll_s)
    poller = chassis.work("drain waiting", drain.step, idle_s=DRAIN_POLL_S)
    chassis.work("duty", Duties(chassis.database, desk, poller.wake).step, idle_s=DUTY_POLL_S)
    chassis.work("rep gaps", RepGaps(chassis.database, desk).step, idle_s=GAPS_POLL_S)
    erasures = Erasures(
        chassis.database,
        commands.erase_leads,
        spared=[SubjectErasureRequested.DESCRIPTOR.full_name],
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    subscribers.subscribe(chassis.bus, desk, erasures)
    approvals = Approvals(settings.permissions_grpc, tls=settings.tls())
    chassis.workers.append(approvals)
    rpc.assignment.serve(chassis.grpc, chassis.database, desk, wake_drain=poller.wake)
    rpc.pool.serve(chassis.grpc, chassis.database, desk)
    rpc.rules.serve(chassis.grpc, chassis.database, desk, approvals, wake_drain=poller.wake)
    chassis.keep_book()
    return chassis


class Fuse:
    """The worker that fires timers of one kind; any number of replicas may run one."""

    def __init__(self, database: Database, desk: commands.Desk, kind: str, fire: Fire) -> None:
        self._database = database
        self._desk = desk
        self._fire = fire
        self._fired = metrics.TIMERS_FIRED.labels(timer=kind)
        self._lateness_s = metrics.TIMER_LATENESS_S.labels(timer=kind)

    async def step(self) -> bool:
        """Fires what has run out; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            fired = await self._fire(uow, self._desk)
        self._fired.inc(len(fired.overdue))
        for timer in fired.overdue:
            self._lateness_s.observe((uow.now - timer.due_at).total_seconds())
        return fired.may_be_more


class Drain:
    """The worker that finds owners for waiting leads; its first step tries all of them, as the rules may be new."""

    def __init__(self, database: Database, desk: commands.Desk, rules_document: str) -> None:
        self._database = database
        self._desk = desk
        self._rules_document = rules_document
        self._opened = False

    async def step(self) -> bool:
        """Tries some waiting leads; says whether there may be more."""
        if not self._opened:
            await self._open()
        async with self._database.unit_of_work() as uow:
            drained = await commands.drain_waiting(uow, self._desk)
        return drained.may_be_more

    async def _open(self) -> None:
        """Keeps the rules that this process came with, if none are kept."""
        async with self._database.unit_of_work() as uow:
            await commands.install_rules(uow, self._rules_document)
            await commands.open_up(uow)
        self._desk.forget_rules()
        self._opened = True


class Duties:
    """The worker that notes who has come on duty; `wake_drain` lets waiting leads find them."""

    def __init__(
        self, database: Database, desk: commands.Desk, wake_drain: Callable[[], None]
    ) -> None:
        self._database = database
        self._desk = desk
        self._wake_drain = wake_drain

    async def step(self) -> bool:
        """Notes comings; there is never more at once."""
        async with self._database.unit_of_work() as uow:
            arrived = await commands.note_duty(uow, self._desk)
        if arrived:
            self._wake_drain()
        return False


class RepGaps:
    """The worker that counts what reps' records lack of what rules in force ask for (AS-05)."""

    def __init__(self, database: Database, desk: commands.Desk) -> None:
        self._database = database
        self._desk = desk
        self._known: list[Gap] = []

    async def step(self) -> bool:
        """Counts once, and tells what is new."""
        found, _ = await queries.gaps_in_force(self._database, self._desk)
        metrics.REP_GAPS.set(len(found))
        if found != self._known:
            self._known = found
            shown = [str(gap) for gap in found[:GAPS_SHOWN_MAX]]
            log.warning("reps_lack_attributes", count=len(found), gaps=shown)
        return False
