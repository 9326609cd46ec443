"""What assignment's tests share: builders with valid defaults, a migrated database, a clock that tests move."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import nats
import pytest
from assignment import commands, subscribers
from assignment.app import build as build_service
from assignment.domain.calendars import span_of
from assignment.domain.leads import Lead, LeadId, Precision, Profile, RepId, Traits
from assignment.domain.reps import Rep, Shift
from assignment.domain.rules import Condition, ContactSla, Cover, Rule, Rules
from assignment.policies import load_pool, load_rules
from assignment.settings import Settings
from leadchain.assignment.v1 import clock_events_pb2 as clock_pb
from leadchain.assignment.v1 import events_pb2 as pb
from leadchain.assignment.v1 import pool_events_pb2 as pool_pb
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.assignment.v1.pool_service_pb2_grpc import PoolServiceStub
from leadchain.assignment.v1.rules_service_pb2_grpc import RulesServiceStub
from leadchain.identity.v1.events_pb2 import LeadIdentified
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.auth import mint_token, new_signing_key
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.erasures import Erasures
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.hearing import Hearing
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import grpc
    from nats.aio.client import Client
    from servicekit.testing.databases import Migrated

STREAMS = Path(__file__).parents[3] / "deploy" / "nats" / "streams.yaml"
NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
IMPORT = UUID("0199c0de-0000-7000-8000-000000000001")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Build:
    """Domain objects and events; each test names only what matters to it."""

    def profile(self, **named: Any) -> Profile:
        """A lead in Shenzhen from a paid search."""
        place = {"province": "广东", "city": "深圳", "precision": Precision.CITY}
        return Profile(**{**place, "industry": "教育", "source_kind": "sem", **named})

    def lead(self, **named: Any) -> Lead:
        """A new lead of a customer of its own."""
        profile = {key: named.pop(key) for key in list(named) if key in Profile._fields}
        traits = {
            key: named.pop(key) for key in ("product", "budget", "attributes") if key in named
        }
        defaults = {
            "lead_id": LeadId(UUID(new_id())),
            "golden_id": uuid4().hex * 2,
            "channel": "website_form",
            "received_at": NOON - timedelta(seconds=5),
            "profile": self.profile(**profile),
            "first_action": "book_demo",
            "phone_display": "138****8001",
            "traceparent": TRACEPARENT,
            "traits": Traits(**traits),
        }
        return Lead(**{**defaults, **named})

    def rep(self, rep_id: str, **named: Any) -> Rep:
        """A rep for Shenzhen, of every industry, without a limit."""
        for key in ("provinces", "cities", "industries", "skills"):
            named[key] = frozenset(
                named.get(key, {"provinces": ["广东"], "cities": ["深圳"]}.get(key, ()))
            )
        rest = {"manager_id": "manager-1", "capacity": 0, "weight": 1, "active": True}
        return Rep(rep_id=RepId(rep_id), **{**rest, **named})

    def shift(self, start: str, end: str, *weekdays: int) -> Shift:
        """A shift on every day of the week, or on these."""
        return Shift(weekdays or (1, 2, 3, 4, 5, 6, 7), span_of(start, end))

    def rule(self, rule_id: str = "territory", **named: Any) -> Rule:
        """A rule that asks for the place and the industry; for every lead unless `when` has parts."""
        when = named.pop("when", None)
        rest = {"cover": Cover.REGION, "same_industry": True, "rep_ids": None}
        return Rule(rule_id, Condition(**when) if when else None, **{**rest, **named})

    def rules(self, *rules: Rule, version: int = 1, **named: Any) -> Rules:
        """A rule file; its last rule is for every lead."""
        weights = {"sem": 1.5, "official_account": 1.0, "organic": 0.7}
        return Rules(version, weights, rules or (self.rule(),), **named)

    def desk(self, *rules: Rule, max_hops: int = 2) -> commands.Desk:
        """A desk with a contact time of 15 minutes."""
        return self.desk_by(self.rules(*rules), max_hops=max_hops)

    def desk_by(self, rules: Rules, *, max_hops: int = 2) -> commands.Desk:
        """A desk with a contact time of 15 minutes, where nothing has been published."""
        return commands.Desk(rules, ContactSla(timedelta(minutes=15), max_hops), load_pool())

    def packaged_rules(self) -> Rules:
        """The rules that the service comes with."""
        return load_rules()

    def identified(self, lead: Lead) -> LeadIdentified:
        """The event by which a lead arrives."""
        event = LeadIdentified(
            event_id=new_id(), lead_id=str(lead.lead_id), golden_id=lead.golden_id
        )
        event.occurred_at.FromDatetime(lead.received_at)
        facts, profile = event.facts, lead.profile
        facts.channel, facts.first_action = lead.channel, lead.first_action
        facts.phone_display, facts.industry = lead.phone_display, profile.industry
        facts.source_kind = profile.source_kind
        facts.received_at.FromDatetime(lead.received_at)
        facts.region.province, facts.region.city = profile.province, profile.city
        facts.region.precision = int(profile.precision)  # type: ignore[assignment]
        facts.product = lead.traits.product
        facts.budget = "" if lead.traits.budget is None else f"{lead.traits.budget:g}"
        facts.attributes.update(lead.traits.attributes)
        return event


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """The time that the test has set."""
        return self.now

    def forward(self, **duration: float) -> None:
        """Moves on by a `timedelta`'s arguments."""
        self.now += timedelta(**duration)


class Office:
    """Assignment's commands on one database, each in a unit of work of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def put_reps(self, *reps: Rep) -> int:
        """Describes reps; how many changed."""
        async with self.database.unit_of_work() as uow:
            return await commands.put_reps(uow, reps)

    async def assign(self, desk: commands.Desk, leads: Iterable[Lead]) -> None:
        """Assigns leads as one batch."""
        async with self.database.unit_of_work() as uow:
            await commands.assign_leads(uow, desk, list(leads))

    async def drain(self, desk: commands.Desk) -> int:
        """Tries the waiting leads; how many found an owner."""
        async with self.database.unit_of_work() as uow:
            return (await commands.drain_waiting(uow, desk)).assigned_count

    async def fire(self, desk: commands.Desk) -> int:
        """Fires the timers that have run out; how many found their owner without contact."""
        async with self.database.unit_of_work() as uow:
            return len((await commands.fire_contact_timers(uow, desk)).overdue)

    async def fire_follow_ups(self, desk: commands.Desk) -> tuple[int, int]:
        """Fires the yellow and the overdue timers that have run out; how many owners they found idle."""
        found: list[int] = []
        for fire in (commands.fire_yellow_clocks, commands.fire_overdue_clocks):
            async with self.database.unit_of_work() as uow:
                found.append(len((await fire(uow, desk)).overdue))
        return found[0], found[1]

    async def fire_holds(self, desk: commands.Desk) -> int:
        """Rings the clocks of holds that are due; how many said something."""
        async with self.database.unit_of_work() as uow:
            return len((await commands.fire_hold_clocks(uow, desk)).overdue)

    async def contacted(self, lead: Lead, rep_id: str) -> datetime:
        """Marks a lead contacted."""
        async with self.database.unit_of_work() as uow:
            return await commands.mark_contacted(uow, lead.lead_id, RepId(rep_id))

    async def published(self) -> list[Any]:
        """Every event so far, in order."""
        rows = await self.rows("select event_type, payload from outbox order by id")
        kinds = {kind.DESCRIPTOR.full_name: kind for kind in EVENTS}
        return [kinds[event_type].FromString(payload) for event_type, payload in rows]

    async def withdraw(self, desk: commands.Desk, *leads: Lead, import_id: UUID = IMPORT) -> int:
        """Withdraws leads of an undone import; how many were closed."""
        async with self.database.unit_of_work() as uow:
            wishes = {lead.lead_id: import_id for lead in leads}
            return await commands.withdraw_leads(uow, desk, wishes)

    async def owners(self) -> dict[UUID, str]:
        """The owner of each owned lead."""
        query = "select lead_id, assignee_id from leads where assignee_id is not null"
        return dict(await self.rows(query))

    async def loads(self) -> dict[str, int]:
        """Open leads by rep, after checking them against the leads themselves."""
        kept = dict(await self.rows("select rep_id, open_count from loads"))
        counted = dict(
            await self.rows(
                "select assignee_id, count(*) from leads where state = 1 group by assignee_id"
            )
        )
        assert {rep: count for rep, count in kept.items() if count} == counted
        return kept

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """Whatever a test wants to see."""
        async with self.database.raw() as raw:
            return [tuple(row) for row in await raw.fetch(query, *arguments)]


EVENTS = (
    pb.LeadAssigned,
    pb.LeadUnassignable,
    pb.LeadMerged,
    pb.LeadWithdrawn,
    pb.LeadContacted,
    pb.ContactOverdue,
    pb.LeadScored,
    pb.LeadAccepted,
    pb.LeadDeclined,
    pb.RoutingRulesPublished,
    clock_pb.FollowUpBecameYellow,
    clock_pb.FollowUpOverdue,
    clock_pb.ReviewRequired,
    pool_pb.LeadPooled,
    pool_pb.LeadClaimed,
    pool_pb.PoolWarning,
    pool_pb.LeadHoldExpired,
)


@pytest.fixture(scope="session")
def build() -> Build:
    return Build()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def migrated_url(database_url: str, migrated: Migrated) -> str:
    await migrated.migrate(database_url, "assignment")
    return database_url


@pytest.fixture
async def database(migrated_url: str, clock: Clock) -> AsyncIterator[Database]:
    opened = Database(migrated_url, service="assignment", clock=clock)
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
async def office(database: Database) -> Office:
    return Office(database)


@pytest.fixture
async def service(database: Database, build: Any) -> Hearing:
    bus = Bus("nats://127.0.0.1:1", database=database)
    erasures = Erasures(
        database, commands.erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    subscribers.subscribe(bus, build.desk(), erasures)
    return Hearing("assignment", database, bus)


@dataclass
class Running:
    """The running service, seen from outside."""

    bus: Client
    channel: grpc.aio.Channel

    @property
    def stub(self) -> AssignmentServiceStub:
        """The service's own RPCs."""
        return AssignmentServiceStub(self.channel)

    @property
    def rules(self) -> RulesServiceStub:
        """Its RPCs about rules."""
        return RulesServiceStub(self.channel)

    @property
    def pool(self) -> PoolServiceStub:
        """Its RPCs about the public pool."""
        return PoolServiceStub(self.channel)

    async def deliver(self, event: LeadIdentified, **headers: str) -> None:
        """Publishes an event as identity would; each delivery under a message id of its own."""
        await self.state(event, event.lead_id, **headers)

    async def state(self, event: Any, key: str, **headers: str) -> None:
        """Publishes an event as its service would."""
        subject = subject_of(event.DESCRIPTOR.full_name, key)
        await self.bus.jetstream().publish(
            subject, event.SerializeToString(), headers={"Nats-Msg-Id": new_id(), **headers}
        )

    async def published(self, count: int) -> list[Any]:
        """The first `count` events on assignment's stream, once they are there."""
        jetstream = self.bus.jetstream()

        async def enough() -> bool:
            return (await jetstream.stream_info("ASSIGNMENT")).state.messages >= count

        await eventually(enough, what=f"{count} events")
        kinds = {kind.DESCRIPTOR.full_name: kind for kind in EVENTS}
        messages = [await jetstream.get_msg("ASSIGNMENT", seq) for seq in range(1, count + 1)]
        return [kinds[m.headers["ce-type"]].FromString(m.data) for m in messages]  # type: ignore[index]


@pytest.fixture
def signing_key(tmp_path: Path) -> dict[str, Any]:
    private, public = new_signing_key("leadchain")
    (tmp_path / "jwks.json").write_text(json.dumps(public))
    return private


@pytest.fixture
def settings(
    migrated_url: str,
    nats_url: str,
    tmp_path: Path,
    signing_key: dict[str, Any],
    permissions_grpc: str,
) -> Settings:
    return Settings.model_validate(
        {
            "database_url": migrated_url,
            "nats_url": nats_url,
            "http_port": 0,
            "grpc_port": 0,
            "permissions_grpc": permissions_grpc,
            "jwks_file": tmp_path / "jwks.json",
        }
    )


@asynccontextmanager
async def running(settings: Settings, token: str) -> AsyncIterator[Running]:
    streams = [
        replace(definition, max_size_bytes=2**24)
        for definition in load_definitions(STREAMS)
        if definition.name in {"INTAKE", "IDENTITY", "ASSIGNMENT", "PERMISSIONS", "ENGAGEMENT"}
    ]
    await apply_streams(settings.nats_url, streams)
    chassis = build_service(settings)
    service = chassis.service()
    await service.start()
    bus = await nats.connect(settings.nats_url)
    try:
        async with connect(f"127.0.0.1:{chassis.grpc.port}", token=lambda: token) as channel:
            yield Running(bus, channel)
    finally:
        await bus.close()
        assert await service.stop() == 0


@pytest.fixture
def token(signing_key: dict[str, Any]) -> str:
    return mint_token(
        signing_key,
        subject="leadctl",
        scopes=[],
        audience="leadchain",
        lifetime_s=600,
        now=datetime.now(UTC),
    )


@pytest.fixture
def run() -> Any:
    """Makes the service run with other settings, as a context."""
    return running


@pytest.fixture
async def assignment(settings: Settings, token: str) -> AsyncIterator[Running]:
    async with running(settings, token) as service:
        yield service
