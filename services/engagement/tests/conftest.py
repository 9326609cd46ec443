"""What engagement's tests share: a migrated database, a clock that tests move, and its ears."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from engagement import subscribers
from engagement.commands.facts import Facts
from engagement.commands.privacy import erase_leads
from engagement.commands.stages import Stages
from engagement.commands.standings import Standings
from engagement.commands.tasks import Tasks
from engagement.commands.watches import Watches
from engagement.policies import Policies, load_policies
from engagement.seals import Seals
from engagement.workers import Steps
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.identity.v1.events_pb2 import FactIdentified
from leadchain.intake.v1 import facts_events_pb2 as intake
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.erasures import Erasures
from servicekit.events import new_id
from servicekit.sealing import KeyRing
from servicekit.testing.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engagement.domain.follow_ups import FollowUpPolicy
    from servicekit.testing.databases import Migrated

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
MANAGERS = {"rep-01": "sue", "rep-02": "sue", "sue": "dan"}
GROUPS = {"lex": ("legal",)}
CHINA = ZoneInfo("Asia/Shanghai")


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


class Build:
    """Events with valid defaults; each test names only what matters to it."""

    def assigned(self, **named: Any) -> LeadAssigned:
        """A lead with its first owner."""
        defaults = {
            "event_id": new_id(),
            "lead_id": new_id(),
            "golden_id": "a" * 64,
            "assignee_id": "rep-01",
            "assignment_no": 1,
            "channel": "website_form",
        }
        occurred_at = named.pop("occurred_at", NOON)
        event = LeadAssigned(**(defaults | named))
        event.occurred_at.FromDatetime(occurred_at)
        event.received_at.FromDatetime(NOON - timedelta(seconds=5))
        return event

    def interaction(self, **named: Any) -> FactIdentified:
        """A call of 95 s with the customer, at noon."""
        golden_id = named.pop("golden_id", "a" * 64)
        happened_at = named.pop("happened_at", NOON)
        defaults = {
            "interaction_id": new_id(),
            "kind": intake.INTERACTION_KIND_CALL,
            "action": "ended",
            "duration_s": 95,
        }
        told = intake.InteractionReported(**(defaults | named))
        told.origin.item_id, told.origin.channel, told.origin.account = new_id(), "calls", "main"
        told.started_at.FromDatetime(happened_at)
        event = FactIdentified(item_id=told.origin.item_id, golden_id=golden_id, interaction=told)
        event.occurred_at.FromDatetime(happened_at)
        return event

    def contract(self, **named: Any) -> FactIdentified:
        """A contract that all have signed, reported at noon."""
        golden_id = named.pop("golden_id", "a" * 64)
        at = named.pop("at", NOON)
        reference = named.pop("reference", "")
        defaults = {"contract_id": "HT-2026-001", "status": intake.CONTRACT_STATUS_SIGNED}
        told = intake.ContractReported(**(defaults | named))
        told.origin.item_id, told.origin.channel, told.origin.account = new_id(), "esign", "main"
        told.subject.reference = reference
        told.reported_at.FromDatetime(at)
        event = FactIdentified(item_id=told.origin.item_id, golden_id=golden_id, contract=told)
        event.occurred_at.FromDatetime(at)
        return event

    def payment(self, amount_minor: int, **named: Any) -> FactIdentified:
        """Money that came at noon."""
        golden_id = named.pop("golden_id", "a" * 64)
        at = named.pop("at", NOON)
        reference = named.pop("reference", "")
        defaults = {
            "payment_id": new_id(),
            "status": intake.PAYMENT_STATUS_RECEIVED,
            "currency": "CNY",
            "amount_minor": amount_minor,
        }
        told = intake.PaymentReported(**(defaults | named))
        told.origin.item_id, told.origin.channel, told.origin.account = new_id(), "pay", "main"
        told.origin.external_id = new_id()
        told.subject.reference = reference
        told.paid_at.FromDatetime(at)
        event = FactIdentified(item_id=told.origin.item_id, golden_id=golden_id, payment=told)
        event.occurred_at.FromDatetime(at)
        return event

    def account(self, **named: Any) -> FactIdentified:
        """A business system told at noon how the customer's account stands."""
        golden_id = named.pop("golden_id", "a" * 64)
        measured_at = named.pop("measured_at", NOON)
        moments = {name: named.pop(name) for name in list(named) if name.endswith("_at")}
        told = intake.AccountReported(**({"account_id": "A-1"} | named))
        for name, moment in ({"measured_at": measured_at} | moments).items():
            getattr(told, name).FromDatetime(moment)
        told.origin.item_id, told.origin.channel, told.origin.account = new_id(), "bills", "main"
        event = FactIdentified(item_id=told.origin.item_id, golden_id=golden_id, account=told)
        event.occurred_at.FromDatetime(measured_at)
        return event

    def said(self, ring: KeyRing, *words: str, **named: Any) -> FactIdentified:
        """A call in which the customer said something; what begins with `we:` our own person said."""
        event = self.interaction(**named)
        content = intake.InteractionContent()
        for each in words:
            text = each.removeprefix("we:")
            content.lines.add(is_customer=text == each, text=text)
        item_id = UUID(event.item_id)
        event.interaction.sealed_content = ring.seal(content.SerializeToString(), item_id.bytes)
        return event


@pytest.fixture(scope="session")
def build() -> Build:
    return Build()


@pytest.fixture(scope="session")
def ring() -> KeyRing:
    return KeyRing.parse(f"test:{base64.b64encode(b'r' * 32).decode()}")


@pytest.fixture(scope="session")
def seals(ring: KeyRing) -> Seals:
    return Seals(ring, base64.b64encode(b"i" * 32).decode())


@pytest.fixture(scope="session")
def policies() -> Policies:
    return load_policies()


@pytest.fixture(scope="session")
def policy(policies: Policies) -> FollowUpPolicy:
    return policies.follow_ups


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def migrated_url(database_url: str, migrated: Migrated) -> str:
    await migrated.migrate(database_url, "engagement")
    return database_url


@pytest.fixture
async def database(migrated_url: str, clock: Clock) -> AsyncIterator[Database]:
    opened = Database(migrated_url, service="engagement", clock=clock)
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture(scope="session")
def tasks(policies: Policies, seals: Seals) -> Tasks:
    return Tasks(
        policies.tasks,
        seals,
        lambda person_id: MANAGERS.get(person_id, ""),
        lambda person_id: GROUPS.get(person_id, ()),
    )


@pytest.fixture(scope="session")
def watches(policies: Policies, tasks: Tasks) -> Watches:
    return Watches(policies.watches, tasks)


@pytest.fixture(scope="session")
def standings(policies: Policies, tasks: Tasks) -> Standings:
    return Standings(policies.standings, tasks, CHINA)


@pytest.fixture(scope="session")
def facts(policies: Policies, seals: Seals, watches: Watches, standings: Standings) -> Facts:
    return Facts(policies, seals, watches, standings)


@pytest.fixture
def steps(database: Database, tasks: Tasks, watches: Watches, standings: Standings) -> Steps:
    return Steps(database, tasks, watches, standings)


@pytest.fixture
async def service(
    database: Database, seals: Seals, policies: Policies, tasks: Tasks, facts: Facts
) -> Hearing:
    bus = Bus("nats://127.0.0.1:1", database=database)
    erasures = Erasures(
        database, erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    acting = subscribers.Acting(seals, Stages(policies.machine), tasks, facts.take)
    subscribers.subscribe(bus, erasures, acting)
    return Hearing("engagement", database, bus)
