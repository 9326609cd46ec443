"""A world of customers who stand in the tables, facts about them, and people who may see some of them."""

import base64
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import matchkit
import msgspec
import pytest
from accesskit.changes import DevicePut, FactPut, LeasePut, PolicyPut, PrincipalPut
from accesskit.enforcement import enforce
from accesskit.facts import Fact
from accesskit.testing.stand_in import LOG_ID, StandIn
from accesskit.wire import change_to_pb
from identity.commands import facts as commands
from identity.commands.relations import Relations
from identity.domain.golden import GoldenRecord, Value
from identity.domain.survivorship import Rule
from identity.policies.contactability import load_contact_policy
from identity.queries.walls import Walls
from identity.rpc import customer360 as customer360_rpc
from identity.rpc import duplicates as duplicates_rpc
from identity.seals import Digests, Seals
from identity.settings import Settings
from identity.store import relations as store
from identity.store.golden_values import GoldenSeals
from identity.wire.facts import FactReader
from identity.workers import facts as fact_events
from leadchain.identity.v1.customer360_service_pb2_grpc import (
    ContactabilityServiceStub,
    Customer360ServiceStub,
)
from leadchain.identity.v1.duplicates_service_pb2_grpc import DuplicatesServiceStub
from leadchain.intake.v1 import facts_events_pb2 as intake
from leadchain.intake.v1.events_pb2 import Contact
from leadchain.permissions.v1.events_pb2 import FactsChanged
from matchkit.fields import Weight
from matchkit.model import Features, Model
from servicekit.auth import mint_token
from servicekit.bus import Bus
from servicekit.chassis import Chassis
from servicekit.database import Database, UnitOfWork
from servicekit.events import new_id
from servicekit.grpc_client import connect
from servicekit.sealing import KeyRing
from servicekit.testing.hearing import Hearing
from servicekit.testing.waiting import eventually

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
INDEX_KEY = base64.b64encode(b"i" * 32).decode()
POLICY = Path(__file__).parents[4] / "services/permissions/permissions/policies/crm.yaml"
MODEL = Model.load(Path(matchkit.__file__).parent / "models" / "cn-b2b.yaml")
_M_FIRST, _M_LAST, _U_FIRST, _U_LAST = 0.8, 0.02, 0.0005, 0.9


def _weighed(model: Model) -> Model:
    """The model with plain weights: the strongest level speaks for one customer, the last against."""

    def weights(levels: tuple[str, ...]) -> dict[str, Weight]:
        middle = max(len(levels) - 2, 1)
        between = Weight((1 - _M_FIRST - _M_LAST) / middle, (1 - _U_FIRST - _U_LAST) / middle)
        told = dict.fromkeys(levels, between)
        return {**told, levels[0]: Weight(_M_FIRST, _U_FIRST), levels[-1]: Weight(_M_LAST, _U_LAST)}

    fields = tuple(
        msgspec.structs.replace(each, weights=weights(each.of_kind().levels))
        for each in model.fields
    )
    return msgspec.structs.replace(model, fields=fields, prior_bits=-20.0)


WEIGHED = _weighed(MODEL)


@dataclass
class Person:
    """A customer who stands in the tables."""

    customer_id: int
    golden_id: str
    master_id: str
    lead_id: str
    record_ids: list[int] = field(default_factory=list)


class World:
    """Writes customers as the resolver leaves them, and facts as other systems state them."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        self.database = database
        self.ring = ring
        self.model = WEIGHED
        self.seals = Seals(ring)
        self.digests = Digests(INDEX_KEY)
        self.relations = Relations(database, self.model, self.digests.hasher, self.seals)
        self._numbers = itertools.count(1)
        bus = Bus("nats://127.0.0.1:1", database=database)
        self.reader = FactReader(
            ring, index_key=INDEX_KEY, model=self.model, hasher=self.digests.hasher
        )
        fact_events.subscribe(bus, self.reader)
        self._hearing = Hearing("identity", database, bus)

    async def hears(self, *events: Any) -> None:
        """Events arrive, one after the other."""
        for event in events:
            await self._hearing.hears(event)

    async def states(self, kind: Any) -> list[Any]:
        """What was stated of one kind of event."""
        return await self._hearing.states(kind)

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """Whatever a test wants to see."""
        return await self._hearing.rows(query, *arguments)

    async def execute(self, query: str, *arguments: object) -> None:
        """Whatever a test has to bring about."""
        await self._hearing.execute(query, *arguments)

    async def hears_together(self, calls: Sequence[Any]) -> None:
        """Calls arrive in one batch."""
        async with self.database.unit_of_work() as uow:
            await commands.record_facts(uow, map(self.reader.interaction, calls))

    async def customer(self, **fields: str) -> Person:
        """A customer with one lead that says these fields."""
        (person,) = await self.customers([fields])
        return person

    async def customers(self, stated: Sequence[Mapping[str, str]]) -> list[Person]:
        """Customers with one lead each."""
        people = []
        async with self.database.unit_of_work() as uow:
            for fields in stated:
                number = next(self._numbers)
                ids = (f"{number:064x}", f"CID-20260207-{number:06d}", new_id())
                people.append(Person(number, *ids))
                await self._insert_customer(uow, people[-1])
                await self._insert_rows(uow, people[-1], "lead", fields)
        return people

    async def source(self, person: Person, *, system: str, **fields: str) -> None:
        """One more row of a system that is this customer."""
        async with self.database.unit_of_work() as uow:
            await self._insert_rows(uow, person, system, fields)

    async def golden_record(self, person: Person, **texts: str) -> None:
        """What stands about a customer."""
        values = {
            name: Value(text, next(iter(Rule)), "lead", None, NOW, NOW, "", 0)
            for name, text in texts.items()
        }
        record = GoldenRecord(values, 1)
        async with self.database.unit_of_work() as uow:
            await self._insert(
                uow,
                "golden_records",
                customer_id=person.customer_id,
                golden_id=person.golden_id,
                sealed_record=GoldenSeals(self.ring).seal_record(person.customer_id, record),
                version=1,
                policy_version=1,
                has_pins=False,
                created_at=NOW,
                refreshed_at=NOW,
            )

    async def merge(self, kept: Person, gone: Person) -> None:
        """Two customers turn out to be one, as the resolver would write it."""
        await self.execute(
            "update records set customer_id = $1 where customer_id = $2",
            kept.customer_id,
            gone.customer_id,
        )
        await self.execute(
            "update aliases set customer_id = $1 where customer_id = $2",
            kept.customer_id,
            gone.customer_id,
        )
        await self.execute("delete from customers where customer_id = $1", gone.customer_id)

    async def _insert_customer(self, uow: UnitOfWork, person: Person) -> None:
        ids = {"golden_id": person.golden_id, "master_id": person.master_id}
        number = {"customer_id": person.customer_id, "first_seen_at": NOW}
        await self._insert(uow, "customers", **ids, **number, record_count=1, version=1)
        await self._insert(uow, "aliases", **ids, **number, recipe=1, key_id="k1", minted_at=NOW)
        await self._insert(
            uow,
            "leads",
            lead_id=UUID(person.lead_id),
            golden_id=person.golden_id,
            channel="website_form",
            received_at=NOW,
            match_basis=1,
        )

    async def _insert_rows(
        self, uow: UnitOfWork, person: Person, system: str, fields: Mapping[str, str]
    ) -> None:
        """A source, what it says, and the record of it; numbered alike."""
        number = next(self._numbers)
        person.record_ids.append(number)
        key = person.lead_id if system == "lead" else f"{system}-{number}"
        key_digest = self.digests.of_source(system, key)
        await self._insert_record(uow, number, person.customer_id, self.model.read(fields))
        await self._insert(
            uow,
            "sources",
            source_id=number,
            system=system,
            key_digest=key_digest,
            sealed_key=b"",
            record_id=number,
            lead_id=UUID(person.lead_id) if system == "lead" else None,
            first_seen_at=NOW,
            modified_at=NOW,
            received_at=NOW,
        )
        await self._insert(
            uow,
            "statements",
            source_id=number,
            record_id=number,
            modified_at=NOW,
            received_at=NOW,
            sealed_fields=self.seals.seal_fields(key_digest, fields),
            actor="",
            is_current=True,
        )

    async def _insert_record(
        self, uow: UnitOfWork, number: int, customer_id: int, features: Features
    ) -> None:
        hasher = self.digests.hasher
        digest = self.digests.of_lonely(self.model.digest(features, hasher), number.to_bytes(8))
        keys = list(self.model.keys_of(features, hasher))
        await self._insert(
            uow,
            "records",
            record_id=number,
            digest=digest,
            sealed_features=self.seals.seal_features(digest, features, self.model),
            customer_id=customer_id,
            family_id=customer_id,
            made_at=NOW,
            keys=keys,
            is_current=True,
        )
        await uow.raw.execute(
            "insert into record_keys (key, record_id) select k, $2 from unnest($1::bigint[]) as k",
            keys,
            number,
        )
        await store.note(uow.raw, [customer_id])

    async def _insert(self, uow: UnitOfWork, table: str, **row: object) -> None:
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await uow.raw.execute(
            f"insert into {table} ({', '.join(row)}) values ({places})", *row.values()
        )


def _subject(event: Any, ring: KeyRing, channel: str, contact: Contact, reference: str) -> Any:
    item_id = new_id()
    event.event_id = new_id()
    event.origin.item_id = item_id
    event.origin.channel = channel
    event.subject.reference = reference
    if contact.ByteSize():
        event.subject.sealed_contact = ring.seal(contact.SerializeToString(), UUID(item_id).bytes)
    return event


@pytest.fixture
def told(ring: KeyRing) -> Callable[..., Any]:
    """Builds facts as lead-intake states them: `told("call", at, phone_e164=...)`."""

    def build(
        kind: str,
        at: datetime = NOW,
        *,
        system: str = "call_centre",
        own_id: str = "",
        said: Mapping[str, Any] | None = None,
        reference: str = "",
        **contact: Any,
    ) -> Any:
        event = _EVENTS[kind](own_id or new_id(), at)
        for name, value in (said or {}).items():
            setattr(event, name, value)
        event.occurred_at.FromDatetime(at)
        return _subject(event, ring, system, Contact(**contact), reference)

    return build


def _call(own_id: str, at: datetime) -> intake.InteractionReported:
    event = intake.InteractionReported(
        interaction_id=own_id, kind=intake.INTERACTION_KIND_CALL, action="ended", is_inbound=False
    )
    event.started_at.FromDatetime(at)
    return event


def _payment(own_id: str, at: datetime) -> intake.PaymentReported:
    event = intake.PaymentReported(
        payment_id=own_id, status=intake.PAYMENT_STATUS_RECEIVED, amount_minor=100, currency="CNY"
    )
    event.paid_at.FromDatetime(at)
    return event


def _contract(own_id: str, at: datetime) -> intake.ContractReported:
    event = intake.ContractReported(contract_id=own_id, status=intake.CONTRACT_STATUS_SIGNED)
    event.reported_at.FromDatetime(at)
    return event


def _complaint(own_id: str, at: datetime) -> intake.TicketReported:
    event = intake.TicketReported(ticket_id=own_id, type="投诉", status="open")
    event.opened_at.FromDatetime(at)
    return event


def _account(own_id: str, at: datetime) -> intake.AccountReported:
    event = intake.AccountReported(account_id=own_id, account_count=60)
    event.measured_at.FromDatetime(at)
    return event


def _company_risk(own_id: str, at: datetime) -> intake.CompanyRiskReported:
    event = intake.CompanyRiskReported(risk_id=own_id, kind="经营异常")
    event.detected_at.FromDatetime(at)
    return event


_EVENTS: Mapping[str, Callable[[str, datetime], Any]] = {
    "call": _call,
    "payment": _payment,
    "contract": _contract,
    "complaint": _complaint,
    "account": _account,
    "company_risk": _company_risk,
}


@pytest.fixture
def world(database: Database, ring: KeyRing) -> World:
    return World(database, ring)


@pytest.fixture
def permissions() -> StandIn:
    """The product's own policy; Ana sells, Mia leads her, Bo sells elsewhere, Dora keeps the data."""
    people = ("ana", "bo", "mia", "dora")
    roles = {"ana": "salesperson", "bo": "salesperson", "mia": "supervisor", "dora": "data_steward"}
    return StandIn(  # type: ignore[abstract]  # answers what services ask
        [
            PolicyPut(1, POLICY.read_text("utf-8"), "live"),
            PrincipalPut("identity", "service", "active", 1),
            PrincipalPut("leadctl", "service", "active", 1),
            *(PrincipalPut(name, "user", "active", 1) for name in people),
            *(FactPut(Fact("role", role, "member", "user", name)) for name, role in roles.items()),
            *(DevicePut(f"{name}-phone", name, "registered") for name in people),
            FactPut(Fact("user", "ana", "manager", "user", "mia")),
        ]
    )


@dataclass
class Desk:
    """The running servicers, asked by one person after the other."""

    world: World
    stand_in: StandIn
    channel_of: Callable[[str], grpc.aio.Channel]
    replica: Any

    def customer360(self, who: str) -> Any:
        """Snapshots, as `who`."""
        return Customer360ServiceStub(self.channel_of(who))

    def contactability(self, who: str) -> Any:
        """Do not disturb, as `who`."""
        return ContactabilityServiceStub(self.channel_of(who))

    def duplicates(self, who: str) -> Any:
        """Duplicate checks, as `who`."""
        return DuplicatesServiceStub(self.channel_of(who))

    async def owns(self, who: str, person: Person) -> None:
        """`who` owns the customer's lead from now on, and the replica has heard of it."""
        now_s = datetime.now(UTC).timestamp()
        changes = [
            LeasePut("lead", person.lead_id, who, now_s, 1),
            FactPut(Fact("lead", person.lead_id, "owner", "user", who)),
        ]
        revision = await self.stand_in.apply(changes)
        self.replica.hear(
            FactsChanged(
                log_id=LOG_ID,
                previous_revision=revision - 1,
                revision=revision,
                changes=[change_to_pb(change) for change in changes],
            )
        )
        await eventually(lambda: self.replica.engine.revision >= revision, what="the new owner")


@pytest.fixture
async def desk(
    world: World, settings: Settings, permissions: StandIn, signing_key: Any, ring: KeyRing
) -> AsyncIterator[Desk]:
    chassis = Chassis(settings)
    replica = enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    walls = Walls(replica)
    contacts, wall_policy = load_contact_policy()
    customer360_rpc.serve(
        chassis,
        walls,
        contacts,
        ring=ring,
        index_key=INDEX_KEY,
        seals=world.seals,
        model=world.model,
        hasher=world.digests.hasher,
        clock=lambda: NOW + timedelta(hours=1),
    )
    duplicates_rpc.serve(
        chassis,
        walls,
        wall_policy,
        seals=world.seals,
        model=world.model,
        hasher=world.digests.hasher,
    )
    service = chassis.service()
    await service.start()

    def token(who: str) -> Callable[[], str]:
        return lambda: mint_token(
            signing_key,
            subject=who,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
            device_id=f"{who}-phone",
        )

    async with AsyncExitStack() as open_channels:
        channels: dict[str, grpc.aio.Channel] = {}

        def channel_of(who: str) -> grpc.aio.Channel:
            if who not in channels:
                target = f"127.0.0.1:{chassis.grpc.port}"
                channels[who] = connect(
                    target,
                    token=token(who),
                    default_deadline_s=20.0,
                    idempotent=["leadchain.identity.v1.ContactabilityService"],
                )
                open_channels.push_async_callback(channels[who].close)
            return channels[who]

        await eventually(lambda: replica.is_current, what="the replica")
        yield Desk(world, permissions, channel_of, replica)
    assert await service.stop() == 0
