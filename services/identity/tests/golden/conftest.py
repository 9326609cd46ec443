"""Customers as the resolver leaves them, each with its golden record, and the service that answers about them."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.enforcement import enforce
from accesskit.facts import Fact
from identity.commands.golden import GoldenRecords
from identity.domain.statements import Regrouped
from identity.queries import golden as queries
from identity.rpc import golden as rpc
from identity.seals import Digests, Seals
from identity.store.golden_archive import Archive
from leadchain.identity.v1.customer_events_pb2 import CustomerChanged
from leadchain.identity.v1.golden_records_service_pb2_grpc import GoldenRecordsServiceStub
from servicekit.chassis import Chassis
from servicekit.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from identity.domain.golden import GoldenRecord
    from identity.settings import Settings
    from servicekit.sealing import KeyRing

T0 = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
INDEX_KEY = base64.b64encode(b"i" * 32).decode()
POLICY = """
model: |
  model
    schema 1.1
  type user
  type service
  type role
    relations
      define member: [user, service]
  type customer
    relations
      define owner: [user]
  type system
roles:
  data_steward: {zh: 数据管家, en: Data steward}
  governance_officer: {zh: 数据治理官, en: Data governance officer}
services: [identity]
reading: [read, read_history]
rules:
  - {id: stewards, roles: [data_steward], on: customer, actions: [read, read_history, edit, restore]}
  - {id: owners, on: customer, as: owner, actions: [read, read_history]}
  - {id: itself, principals: [identity], on: customer, actions: [read]}
  - {id: governors, roles: [governance_officer], on: system, actions: [read, publish]}
  - {id: stewards_read, roles: [data_steward], on: system, actions: [read]}
fields:
  - {on: customer, field: id_card, write: [identity], read: [identity], mask: true}
"""
ROLES = {"steward-1": "data_steward", "governor-1": "governance_officer"}


@dataclass
class Clock:
    """The time of transactions, moved by hand."""

    now: datetime = T0

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def passes(self, hours: float = 1) -> datetime:
        """Later; returns the time."""
        self.now += hours * HOUR
        return self.now


def gid(number: int) -> str:
    """The Golden ID of the customer that was first called by this number."""
    return f"{number:064x}"


@dataclass
class World:
    """Customers by number; what is done to them is what the resolver does, with the follower in its transaction."""

    database: Database
    clock: Clock
    records: GoldenRecords
    seals: Seals
    digests: Digests
    events: list[CustomerChanged] = field(default_factory=list)
    _source_count: int = 0

    async def states(
        self,
        number: int,
        system: str,
        *,
        actor: str = "",
        at: datetime | None = None,
        **fields: str,
    ) -> int:
        """A new source of a customer, who is made if unknown; returns the source's number."""
        self._source_count += 1
        source_id = record_id = self._source_count
        digest = self.digests.of_source("crm", f"key-{source_id}")
        sealed = self.seals.seal_key(digest, f"key-{source_id}")
        async with self.database.unit_of_work() as uow:
            is_new = await self._make(uow.raw, number)
            await uow.raw.execute(
                "insert into records (record_id, digest, sealed_features, keys, customer_id, family_id, is_current,"
                " made_at) values ($1, $2, '', '{}', $3, $3, true, $4)",
                record_id,
                digest,
                number,
                uow.now,
            )
            await uow.raw.execute(
                "insert into sources (source_id, system, key_digest, sealed_key, record_id, first_seen_at, modified_at,"
                " received_at) values ($1, $2, $3, $4, $1, $5, $5, $5)",
                source_id,
                system,
                digest,
                sealed,
                uow.now,
            )
            await uow.raw.execute(
                "insert into alias_supports (golden_id, record_id, first_seen_at) values ($1, $2, $3)",
                gid(number),
                record_id,
                uow.now,
            )
            await self._say(uow, source_id, digest, fields, actor=actor, at=at)
            await self.followed(uow, touched=[number], created=[number] if is_new else [])
        return source_id

    async def restates(
        self,
        number: int,
        source_id: int,
        *,
        actor: str = "",
        at: datetime | None = None,
        **fields: str,
    ) -> None:
        """A source says something else."""
        async with self.database.unit_of_work() as uow:
            digest = await uow.raw.fetchval(
                "select key_digest from sources where source_id = $1", source_id
            )
            await self._say(uow, source_id, digest, fields, actor=actor, at=at)
            await self.followed(uow, touched=[number])

    async def merges(self, gone: int, into: int) -> None:
        """A customer goes into another."""
        async with self.database.unit_of_work() as uow:
            await self._move(uow, gone, into, await self._records_of(uow.raw, gone))
            await uow.raw.execute("delete from customers where customer_id = $1", gone)
            await uow.raw.execute(
                "update aliases set customer_id = $2 where customer_id = $1", gone, into
            )
            await self.followed(uow, touched=[into], merged={gone: into})

    async def parts(
        self, customer: int, former: int, number: int, source_ids: Sequence[int]
    ) -> None:
        """Sources leave a customer under the Golden ID that they had as `former`, with a new `number`."""
        async with self.database.unit_of_work() as uow:
            await self._make(uow.raw, number, former=former)
            await self._move(uow, customer, number, source_ids)
            await self.followed(
                uow, touched=[customer, number], created=[number], parted={number: customer}
            )

    async def golden(self, number: int, *, at: datetime | None = None) -> GoldenRecord:
        """What stands, or stood, about whoever a Golden ID stands for."""
        archive = self.records.archive
        if at is None:
            return (await queries.golden_record(archive, gid(number))).record
        return (await queries.golden_record_then(archive, gid(number), at)).record

    async def texts(self, number: int, *, at: datetime | None = None) -> dict[str, str]:
        """The same, without provenance."""
        record = await self.golden(number, at=at)
        return {name: value.text for name, value in record.values.items()}

    async def changes(self, number: int) -> list[tuple[str, str, str | None, str | None]]:
        """A customer's history, oldest first: field, cause, old and new text."""
        page = await queries.list_changes(
            self.records.archive, gid(number), field="", page_size=0, page_token=""
        )
        return [
            (
                each.field,
                each.cause.name,
                each.old and each.old.text,
                each.new and each.new.text,
            )
            for each in reversed(page.changes)
        ]

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """Whatever a test wants to see."""
        async with self.database.raw() as raw:
            return [tuple(row) for row in await raw.fetch(query, *arguments)]

    async def execute(self, query: str, *arguments: object) -> None:
        """Whatever a test has to bring about."""
        async with self.database.unit_of_work() as uow:
            await uow.raw.execute(query, *arguments)

    async def _make(self, raw: Any, number: int, *, former: int | None = None) -> bool:
        named = gid(former or number)
        made = await raw.execute(
            "insert into customers (customer_id, golden_id, master_id, first_seen_at, record_count, version)"
            " values ($1, $2, $3, $4, 1, 1) on conflict do nothing",
            number,
            named,
            f"CID-20260207-{former or number:06}",
            self.clock.now,
        )
        await raw.execute(
            "insert into aliases (golden_id, master_id, customer_id, recipe, key_id, first_seen_at, minted_at)"
            " values ($1, $2, $3, 1, 'k1', $4, $4)"
            " on conflict (golden_id) do update set customer_id = excluded.customer_id",
            named,
            f"CID-20260207-{former or number:06}",
            number,
            self.clock.now,
        )
        return bool(made != "INSERT 0 0")

    async def _say(
        self,
        uow: Any,
        source_id: int,
        digest: bytes,
        fields: Any,
        *,
        actor: str,
        at: datetime | None,
    ) -> None:
        await uow.raw.execute(
            "update statements set is_current = false where source_id = $1", source_id
        )
        await uow.raw.execute(
            "insert into statements (source_id, record_id, modified_at, received_at, sealed_fields, actor, is_current)"
            " values ($1, $1, $2, $3, $4, $5, true)",
            source_id,
            at or uow.now,
            uow.now,
            self.seals.seal_fields(digest, fields),
            actor,
        )

    async def _records_of(self, raw: Any, number: int) -> list[int]:
        rows = await raw.fetch("select record_id from records where customer_id = $1", number)
        return [row[0] for row in rows]

    async def _move(self, uow: Any, old: int, new: int, record_ids: Iterable[int]) -> None:
        regrouping_id = await uow.raw.fetchval(
            "insert into regroupings (kind, actor, reason, made_at) values (1, 'identity', '', $1)"
            " returning regrouping_id",
            uow.now,
        )
        for record_id in record_ids:
            await uow.raw.execute(
                "insert into moves (regrouping_id, record_id, from_customer, to_customer)"
                " values ($1, $2, $3, $4)",
                regrouping_id,
                record_id,
                old,
                new,
            )
            await uow.raw.execute(
                "update records set customer_id = $2 where record_id = $1", record_id, new
            )

    async def followed(
        self,
        uow: Any,
        *,
        touched: Iterable[int],
        created: Iterable[int] = (),
        merged: dict[int, int] | None = None,
        parted: dict[int, int] | None = None,
    ) -> None:
        """Tells the follower what a transaction did."""
        regrouped = Regrouped(
            frozenset(touched),
            frozenset(created),
            merged or {},
            parted or {},
            actor="steward-1" if merged or parted else "identity",
            reason="",
        )
        await self.records.follow(uow, regrouped)
        self.events += [CustomerChanged.FromString(each.payload) for each in uow.outgoing]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(migrated_url: str, clock: Clock, ring: KeyRing) -> AsyncIterator[World]:
    """An empty world with a clock of its own."""
    database = Database(migrated_url, service="identity", clock=clock)
    seals = Seals(ring)
    await database.start()
    records = GoldenRecords(Archive.of(database, seals, ring))
    yield World(database, clock, records, seals, Digests(INDEX_KEY))
    await database.stop()


class Door:
    """GoldenRecordsService as different people see it."""

    def __init__(self, served: Any) -> None:
        self._served = served

    @asynccontextmanager
    async def asked_by(self, name: str) -> AsyncIterator[Any]:
        """The service as this person reaches it."""
        yield GoldenRecordsServiceStub(await self._served.channel(name))


@pytest.fixture
async def door(
    settings: Settings, serve: Any, permissions: Any, ring: KeyRing
) -> AsyncIterator[Door]:
    """The service on real servers; it answers from the world's database."""
    names = (*ROLES, "salesperson-1")
    await permissions.apply(
        [
            PolicyPut(2, POLICY, "live"),
            *(PrincipalPut(name, "user", "active", 1) for name in names),
            *(FactPut(Fact("role", role, "member", "user", who)) for who, role in ROLES.items()),
            FactPut(Fact("customer", gid(1), "owner", "user", "salesperson-1")),
        ]
    )
    chassis = Chassis(settings)
    replica = enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    records = GoldenRecords(Archive.of(chassis.database, Seals(ring), ring))
    rpc.serve(chassis, records, replica)
    async with serve(chassis) as served:
        yield Door(served)
