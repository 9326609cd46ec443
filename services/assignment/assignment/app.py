"""Assignment, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.enforcement import enforce
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit import metrics
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from assignment import commands, rpc, subscribers
from assignment.domain.contact import CONTACT_TIMER
from assignment.policies import load_rules, load_sla

if TYPE_CHECKING:
    from servicekit.database import Database

    from assignment.settings import Settings

TIMER_POLL_S = 0.1
DRAIN_POLL_S = 1.0


def build(settings: Settings) -> Chassis:
    """The service; raises `InvalidPolicy` when a rule file cannot be used."""
    chassis = Chassis(settings)
    enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    desk = commands.Desk(
        load_rules(settings.routing_rules_file), load_sla(settings.sla_policy_file)
    )
    fuse = ContactFuse(chassis.database, desk)
    drain = Drain(chassis.database, desk)
    chassis.work("contact timers", fuse.step, idle_s=TIMER_POLL_S)
    poller = chassis.work("drain waiting", drain.step, idle_s=DRAIN_POLL_S)
    erasures = Erasures(
        chassis.database,
        commands.erase_leads,
        spared=[SubjectErasureRequested.DESCRIPTOR.full_name],
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    subscribers.subscribe(chassis.bus, desk, erasures)
    rpc.serve(chassis.grpc, chassis.database, desk, wake_drain=poller.wake)
    chassis.keep_book()
    return chassis


class ContactFuse:
    """The worker that fires contact timers; any number of replicas may run one."""

    def __init__(self, database: Database, desk: commands.Desk) -> None:
        self._database = database
        self._desk = desk
        self._fired = metrics.TIMERS_FIRED.labels(timer=CONTACT_TIMER)
        self._lateness_s = metrics.TIMER_LATENESS_S.labels(timer=CONTACT_TIMER)

    async def step(self) -> bool:
        """Fires what has run out; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            fired = await commands.fire_contact_timers(uow, self._desk)
        self._fired.inc(len(fired.overdue))
        for timer in fired.overdue:
            self._lateness_s.observe((uow.now - timer.due_at).total_seconds())
        return fired.may_be_more


class Drain:
    """The worker that finds owners for waiting leads; its first step tries all of them, as the rules may be new."""

    def __init__(self, database: Database, desk: commands.Desk) -> None:
        self._database = database
        self._desk = desk
        self._opened = False

    async def step(self) -> bool:
        """Tries some waiting leads; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            if not self._opened:
                await commands.open_up(uow)
            drained = await commands.drain_waiting(uow, self._desk)
        self._opened = True
        return drained.may_be_more
