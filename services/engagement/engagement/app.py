"""The composition root of engagement."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from accesskit.enforcement import enforce
from accesskit.staff import Staff
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from engagement import rpc, subscribers, workers
from engagement.clients.calls import HttpCalls
from engagement.clients.speech import TIMEOUT_S as SPEECH_TIMEOUT_S
from engagement.clients.speech import Recogniser
from engagement.clients.traffic import RoadTraffic
from engagement.commands.facts import Facts
from engagement.commands.follow_ups import FollowUps
from engagement.commands.money import Money
from engagement.commands.privacy import erase_leads
from engagement.commands.recordings import Recordings, Transcriber
from engagement.commands.stages import Stages
from engagement.commands.standings import Standings
from engagement.commands.tasks import Tasks
from engagement.commands.watches import Watches
from engagement.policies import PolicyFiles, load_policies
from engagement.queries.visits import PlanningRules, VisitPlanner
from engagement.seals import Seals

if TYPE_CHECKING:
    from engagement.policies import Policies
    from engagement.settings import Settings


def build(settings: Settings) -> Chassis:
    """Engagement, ready to be started; raises `servicekit.documents.InvalidPolicy` for rules that cannot be used."""
    chassis = Chassis(settings)
    replica = enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    erasures = Erasures(
        chassis.database, erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    seals = Seals(settings.key_ring(), settings.index_key.get_secret_value())
    policies = _policies(settings)
    staff, zone = Staff(replica), ZoneInfo(settings.time_zone)
    tasks = Tasks(policies.tasks, seals, staff.manager, staff.roles)
    watches = Watches(policies.watches, tasks)
    standings = Standings(policies.standings, tasks, zone)
    workers.work(chassis, policies, workers.Steps(chassis.database, tasks, watches, standings))
    stages = Stages(policies.machine)
    recordings = Recordings(seals, settings.recording_hosts())
    facts = Facts(policies, seals, watches, standings, recordings)
    _transcribe(chassis, settings, seals, facts)
    acting = subscribers.Acting(seals, stages, tasks, facts.take)
    subscribers.subscribe(chassis.bus, erasures, acting)
    rpc.opportunities.serve(chassis, policies.watches, staff.manager)
    rpc.stages.serve(chassis, stages, Money(stages))
    rpc.behaviours.serve(chassis, policies.behaviours, seals)
    follow_ups = FollowUps(policies.follow_ups, seals)
    rpc.follow_ups.serve(chassis, follow_ups, seals, zone)
    rpc.tasks.serve(chassis, tasks, seals)
    rpc.watches.serve(chassis, policies.watches)
    rpc.standings.serve(chassis, policies.standings)
    rules = PlanningRules(policies.visits, tasks.manager_of, zone)
    traffic = _traffic(chassis, settings)
    rpc.visits.serve(chassis, VisitPlanner(chassis.database, seals, rules, traffic))
    rpc.recordings.serve(chassis, recordings)
    return chassis


def _transcribe(chassis: Chassis, settings: Settings, seals: Seals, facts: Facts) -> None:
    """Has recordings written down, where somebody does."""
    if settings.speech_url:
        calls = HttpCalls(
            "calls of the recogniser", settings.speech_url, timeout_s=SPEECH_TIMEOUT_S
        )
        chassis.workers.append(calls)
        recogniser = Recogniser(calls, settings.speech_token.get_secret_value())
        transcriber = Transcriber(chassis.database, seals, recogniser, facts.hear)
        chassis.work("recordings", transcriber.step, idle_s=workers.TASKS_POLL_S)


def _traffic(chassis: Chassis, settings: Settings) -> RoadTraffic | None:
    if not settings.traffic_url:
        return None
    calls = HttpCalls("calls of the traffic source", settings.traffic_url)
    chassis.workers.append(calls)
    return RoadTraffic(calls, settings.traffic_key.get_secret_value())


def _policies(settings: Settings) -> Policies:
    return load_policies(
        PolicyFiles(
            follow_ups=settings.follow_up_policy_file,
            behaviours=settings.behaviour_policy_file,
            stages=settings.stages_file,
            tasks=settings.tasks_file,
            watches=settings.watches_file,
            standings=settings.standings_file,
            visits=settings.visits_file,
        )
    )
