"""The composition root of engagement."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from accesskit.enforcement import enforce
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from engagement import rpc, subscribers
from engagement.commands.behaviours import Behaviours
from engagement.commands.contacts import Contacts, tell_stale
from engagement.commands.follow_ups import FollowUps
from engagement.commands.privacy import erase_leads
from engagement.policies.behaviours import load_behaviour_policy
from engagement.policies.follow_ups import load_follow_up_policy
from engagement.seals import Seals
from engagement.wire import behaviour_events, follow_up_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leadchain.identity.v1.events_pb2 import FactIdentified
    from servicekit.database import Database, UnitOfWork

    from engagement.domain.behaviours import BehaviourPolicy
    from engagement.domain.follow_ups import FollowUpPolicy
    from engagement.settings import Settings


STALE_POLL_S = 10.0
"""How often it is looked for opportunities that nobody looks after."""


def build(settings: Settings) -> Chassis:
    """Engagement, ready to be started; raises `servicekit.documents.InvalidPolicy` for rules that cannot be used."""
    chassis = Chassis(settings)
    enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    erasures = Erasures(
        chassis.database, erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    seals = Seals(settings.key_ring(), settings.index_key.get_secret_value())
    policy = load_follow_up_policy(settings.follow_up_policy_file)
    behaviours = load_behaviour_policy(settings.behaviour_policy_file)
    chassis.work(
        "stale opportunities", Staleness(chassis.database, policy).step, idle_s=STALE_POLL_S
    )
    subscribers.subscribe(chassis.bus, erasures, seals, [FactTaker(policy, behaviours, seals)])
    rpc.opportunities.serve(chassis)
    zone = ZoneInfo(settings.time_zone)
    rpc.behaviours.serve(chassis, behaviours, seals)
    rpc.follow_ups.serve(chassis, FollowUps(policy, seals), seals, zone)
    return chassis


class FactTaker:
    """Lets outside facts prove follow-ups, and reads what customers say in them."""

    def __init__(self, policy: FollowUpPolicy, behaviours: BehaviourPolicy, seals: Seals) -> None:
        self._contacts = Contacts(policy, seals)
        self._behaviours = Behaviours(behaviours, seals)
        self._seals = seals

    async def __call__(self, uow: UnitOfWork, events: Sequence[FactIdentified]) -> None:
        """Takes the calls, chats, meetings and e-mails among the facts."""
        contacts = follow_up_events.contacts(events, self._seals)
        if contacts:
            await self._contacts.take(uow, contacts)
        transcripts = behaviour_events.transcripts(events, self._seals)
        if transcripts:
            await self._behaviours.take(uow, transcripts)


class Staleness:
    """The worker that tells of opportunities nobody looks after; any number of replicas may run one."""

    def __init__(self, database: Database, policy: FollowUpPolicy) -> None:
        self._database = database
        self._policy = policy

    async def step(self) -> bool:
        """Tells of some; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            return await tell_stale(uow, self._policy)
