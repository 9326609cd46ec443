"""An office on a real database, whose LeasesService answers over gRPC, with a clock that the tests move."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from accesskit.changes import Change, FactPut, PolicyPut, PrincipalPut
from accesskit.decisions import Outcome, Question
from accesskit.facts import Entity, Fact
from accesskit.policy import DAY_S
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import leases_service_pb2 as pb
from leadchain.permissions.v1.leases_service_pb2_grpc import (
    LeasesServiceStub,
    add_LeasesServiceServicer_to_server,
)
from permissions.commands import leases as commands
from permissions.commands import recording
from permissions.commands.sweeping import sweep
from permissions.domain.audit import Event
from permissions.domain.leases import Cause, OwnerChange, unowned
from permissions.queries.leases import terms_of
from permissions.queries.live import Live
from permissions.rpc.leases import SERVICE, LeasesServicer
from permissions.store import facts, principals
from servicekit.auth import TokenVerifier, mint_token
from servicekit.database import Database
from servicekit.grpc_client import connect
from servicekit.grpc_server import GrpcServer

NOON = datetime(2026, 2, 7, 4, tzinfo=UTC).timestamp()
POLICY = (Path(__file__).parent / "policy.yaml").read_text("utf-8")
PEOPLE = {"rep-ana": "rep", "rep-bo": "rep", "rep-cai": "rep", "boss-deng": "boss"}


@dataclass
class Clock:
    """The time, Unix seconds, as the tests want it."""

    now_s: float = NOON

    def wait(self, *, days: float = 0, seconds: float = 0) -> None:
        """Lets time pass; backwards too."""
        self.now_s += days * DAY_S + seconds


@dataclass
class Office:
    """People with their roles, and LeasesService as each of them sees it."""

    database: Database
    live: Live
    clock: Clock
    key: dict[str, Any]
    port: int = 0
    channels: AsyncExitStack = field(default_factory=AsyncExitStack)
    stubs: dict[str, LeasesServiceStub] = field(default_factory=dict)

    async def by(self, subject: str) -> LeasesServiceStub:
        """The service, asked by somebody."""
        if subject not in self.stubs:
            self.stubs[subject] = await self.another_channel(subject)
        return self.stubs[subject]

    async def another_channel(self, subject: str) -> LeasesServiceStub:
        """The service over a connection of its own."""
        token = mint_token(
            self.key,
            subject=subject,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
        )
        channel = connect(f"127.0.0.1:{self.port}", token=lambda: token, default_deadline_s=15)
        return LeasesServiceStub(await self.channels.enter_async_context(channel))

    async def state(self, changes: list[Change]) -> None:
        """Records changes that other commands make."""
        puts = [change for change in changes if isinstance(change, PrincipalPut)]
        async with self.database.unit_of_work() as uow:
            log = await recording.begin(uow)
            seq = log.append(Event("prepared", "test", changes=changes))
            await principals.put(uow.raw, puts, seq=seq)
            await facts.put(uow.raw, [each.fact for each in changes if isinstance(each, FactPut)])
            await log.finish()
        await self.live.catch_up()

    async def give(self, owner_id: str, *resources: changes_pb2.Entity) -> None:
        """Makes somebody the owner of things."""
        async with self.database.unit_of_work() as uow:
            log = await recording.begin(uow)
            changes = [
                OwnerChange(unowned(Entity(each.type, each.id)), owner_id, Cause.ASSIGNED)
                for each in resources
            ]
            await commands.change_owners(uow, log, changes, actor="assignment")
            await log.finish()
        await self.live.catch_up()

    async def sweep(self) -> int:
        """One sweep of everything that is due."""
        return await sweep(self.database, terms_of(self.live))

    async def published(self, kind: type[Any]) -> list[Any]:
        """Events of a kind that went out, oldest first."""
        name = kind.DESCRIPTOR.full_name
        async with self.database.raw() as raw:
            rows = await raw.fetch(
                "select payload from outbox where event_type = $1 order by id", name
            )
        return [kind.FromString(payload) for (payload,) in rows]

    async def may_edit(self, subject: str, resource: changes_pb2.Entity) -> bool:
        """Whether somebody may edit something now."""
        await self.live.catch_up()
        question = Question(subject, "edit", resource.type, resource.id)
        decision = self.live.engine.decide(question, now_s=self.live.now_s)
        return decision.outcome is Outcome.ALLOW

    async def lease(self, resource: changes_pb2.Entity) -> pb.LeaseStatus:
        """A lease as the reporting gateway sees it."""
        stub = await self.by("engagement")
        return (await stub.GetLease(pb.GetLeaseRequest(resource=resource))).lease

    @property
    def noon_s(self) -> float:
        """When every test begins."""
        return NOON

    @staticmethod
    def customer(name: str = "c-1") -> changes_pb2.Entity:
        """A customer."""
        return changes_pb2.Entity(type="customer", id=name)

    @staticmethod
    def a_call(resource: changes_pb2.Entity, at_s: float, *, by: str = "rep-ana") -> pb.Touch:
        """An effective follow-up: a call of two minutes and a form."""
        evidence = pb.FollowUpEvidence(call_s=120, forms=1)
        touch = pb.Touch(resource=resource, actor_id=by, evidence=evidence)
        touch.at.FromDatetime(datetime.fromtimestamp(at_s, UTC))
        return touch

    @staticmethod
    def refused(caught: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> tuple[grpc.StatusCode, str]:
        """The code of a refusal, and the reason that its text begins with."""
        return caught.value.code(), (caught.value.details() or "").split(":")[0]

    async def report(self, *touches: pb.Touch) -> list[str]:
        """Reports follow-ups; returns the outcomes' names."""
        stub = await self.by("engagement")
        answer = await stub.ReportTouches(pb.ReportTouchesRequest(touches=touches))
        names = [pb.TouchOutcome.Name(result.outcome) for result in answer.results]
        return [name.removeprefix("TOUCH_OUTCOME_") for name in names]

    async def claim(
        self, subject: str, resource: changes_pb2.Entity, *, version: int
    ) -> pb.ClaimLeaseResponse:
        """Somebody claims something."""
        stub = await self.by(subject)
        return await stub.ClaimLease(pb.ClaimLeaseRequest(resource=resource, version=version))

    async def everything(self) -> list[Any]:
        """All that a sweep writes."""
        async with self.database.raw() as raw:
            return [
                await raw.fetch(f"select * from {table} order by 1, 2")
                for table in ("leases", "audit_entries", "audit_head", "outbox", "lease_clock")
            ]

    @asynccontextmanager
    async def breaking(self, table: str) -> AsyncIterator[None]:
        """Has every write to a table fail."""
        async with self.database.raw() as raw:
            await raw.execute(
                f"""
                create function fail() returns trigger language plpgsql as
                  $$ begin raise exception 'broken'; end $$;
                create trigger breaks before insert or update on {table}
                  for each statement execute function fail()
                """
            )
            yield
            await raw.execute(f"drop trigger breaks on {table}; drop function fail()")


def people() -> list[Change]:
    """The policy, and everybody with a role; Deng is everybody's superior."""
    changes: list[Change] = [
        PolicyPut(1, POLICY, "live"),
        PrincipalPut("engagement", "service", "active", 1),
    ]
    for name, role in PEOPLE.items():
        changes.append(PrincipalPut(name, "user", "active", 1))
        changes.append(FactPut(Fact("role", role, "member", "user", name)))
        if role == "rep":
            changes.append(FactPut(Fact("user", name, "manager", "user", "boss-deng")))
    return changes


@pytest.fixture
async def office(
    migrated_url: str, signing_key: dict[str, Any], tmp_path: Path
) -> AsyncIterator[Office]:
    clock = Clock()
    database = Database(
        migrated_url,
        service="permissions",
        clock=lambda: datetime.fromtimestamp(clock.now_s, UTC),
    )
    live = Live(database, clock=lambda: clock.now_s)
    verifier = TokenVerifier(tmp_path / "jwks.json", issuer="leadchain", audience="leadchain")
    server = GrpcServer("127.0.0.1", 0, verifier=verifier)
    server.add(add_LeasesServiceServicer_to_server, LeasesServicer(database, live), SERVICE)
    await database.start()
    await live.start()
    await server.start()
    opened = Office(database, live, clock, signing_key, server.port)
    await opened.state(people())
    try:
        yield opened
    finally:
        await opened.channels.aclose()
        await server.stop()
        await live.stop()
        await database.stop()
