"""An office: the decision surface of permissions on a real database, asked over gRPC, with a clock that tests move."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from accesskit.changes import Change, FactPut, LeasePut, PrincipalPut
from accesskit.facts import Fact
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub
from permissions import authzen
from permissions.commands import recording
from permissions.commands.policies import start_policy
from permissions.domain.audit import Event
from permissions.domain.leases import Lease
from permissions.policies import default_policy
from permissions.queries.live import Live
from permissions.rpc import decisions
from permissions.settings import Settings
from permissions.store import audit, facts, leases, principals
from permissions.store.decisions import latest
from servicekit.auth import mint_token
from servicekit.chassis import Chassis
from servicekit.database import Database
from servicekit.grpc_client import connect
from servicekit.http_host import HttpHost
from servicekit.testing.waiting import eventually

NOON_S = 1_770_436_800.0


@dataclass
class Clock:
    """Unix seconds that only a test moves."""

    now_s: float = NOON_S

    def __call__(self) -> float:
        """The time."""
        return self.now_s


@dataclass
class Office:
    """The running servicer, seen from outside, and a writer of facts beside it."""

    live: Live
    clock: Clock
    writer: Database
    stub: PermissionsServiceStub
    as_caller: Callable[[str], Any]
    http: HttpHost
    token: Callable[..., str]

    async def state(self, *changes: Change) -> str:
        """Commits changes as another process would, without announcing them; the consistency token."""
        async with self.writer.unit_of_work() as uow:
            log = await recording.begin(uow)
            numbered = [_numbered(change, log.next_seq) for change in changes]
            seq = log.append(Event(action="stated", actor="tests", changes=numbered))
            put = [change.fact for change in numbered if isinstance(change, FactPut)]
            people = [change for change in numbered if isinstance(change, PrincipalPut)]
            await facts.put(uow.raw, put)
            owned = [Lease(change) for change in numbered if isinstance(change, LeasePut)]
            await principals.put(uow.raw, people, seq=seq)
            await leases.save(uow.raw, owned)
            return (await log.finish()).token

    async def check(self, subject_id: str, action: str, what: str, **rest: Any) -> pb.CheckResponse:
        """Asks about `type:id`."""
        return await self.stub.Check(question(subject_id, action, what, **rest))

    async def recorded(self, count: int) -> Sequence[Any]:
        """The audited decisions, newest first, once there are so many."""

        async def enough() -> Sequence[Any] | None:
            async with self.writer.raw() as raw:
                found = await latest(raw, limit=1000)
            return found if len(found) >= count else None

        return await eventually(enough, what=f"{count} recorded decisions")

    async def entries(self) -> list[dict[str, Any]]:
        """What the audit log says."""
        async with self.writer.raw() as raw:
            return [
                msgspec.json.decode(entry.fact)
                for entry in await audit.entries_after(raw, 0, limit=1000)
            ]


def _numbered(change: Change, seq: int) -> Change:
    if isinstance(change, FactPut):
        return FactPut(msgspec.structs.replace(change.fact, seq=seq))
    return msgspec.structs.replace(change, seq=seq) if isinstance(change, LeasePut) else change


def question(subject_id: str, action: str, what: str, **rest: Any) -> pb.CheckRequest:
    type_, id_ = what.split(":")
    resource = changes_pb2.Entity(type=type_, id=id_)
    return pb.CheckRequest(subject_id=subject_id, action=action, resource=resource, **rest)


@pytest.fixture
def ask() -> Callable[..., pb.CheckRequest]:
    """Builds a question about `type:id`."""
    return question


def fact(written: str, **rest: Any) -> FactPut:
    """A fact of its written form, `type:id#relation@type:id`."""
    resource, _, subject = written.partition("@")
    what, _, relation = resource.partition("#")
    return FactPut(Fact(*what.split(":"), relation, *subject.split(":"), **rest))


@pytest.fixture
def state_fact() -> Callable[..., FactPut]:
    return fact


def lease(lead_id: str, owner_id: str, *, touched_at_s: float = NOON_S, version: int = 1):
    return LeasePut("lead", lead_id, owner_id, touched_at_s, version)


@pytest.fixture
def own() -> Callable[..., LeasePut]:
    """Builds the ownership of a lead, touched at noon."""
    return lease


def staff() -> list[Change]:
    """A boss over Ana and Bo, a director, and the service engagement, which may ask about everybody."""
    roles = {"boss": "supervisor", "ana": "salesperson", "bo": "salesperson", "dee": "director"}
    return [
        *(PrincipalPut(id_, "user", "active", 1) for id_ in roles),
        PrincipalPut("engagement", "service", "active", 1),
        *(fact(f"role:{role}#member@user:{id_}") for id_, role in roles.items()),
        fact("user:ana#manager@user:boss"),
        fact("user:bo#manager@user:boss"),
        lease("lead-a", "ana"),
        lease("lead-b", "bo"),
    ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opener(settings: Settings, signing_key: dict[str, Any], clock: Clock) -> Callable[..., Any]:
    """Opens offices on one database."""

    def token(subject: str, **session: Any) -> str:
        return mint_token(
            signing_key,
            subject=subject,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
            **session,
        )

    @asynccontextmanager
    async def opened() -> AsyncIterator[Office]:
        chassis = Chassis(settings)
        live = Live(chassis.database, clock=clock)
        chassis.workers.append(live)
        checks = decisions.serve(chassis, live)
        doors = authzen.routes(checks, live, chassis.verifier, base_url="https://pdp.example.com/")
        http = HttpHost("127.0.0.1", 0, doors)
        writer = Database(
            chassis.database.url,
            service="tests",
            clock=lambda: datetime.fromtimestamp(clock(), UTC),
        )
        async with AsyncExitStack() as stack:
            for part in (chassis.database, *chassis.workers, chassis.grpc, http, writer):
                await part.start()
                stack.push_async_callback(part.stop)
            address = f"127.0.0.1:{chassis.grpc.port}"

            async def as_caller(subject: str, **session: Any) -> PermissionsServiceStub:
                held = token(subject, **session)
                channel = await stack.enter_async_context(connect(address, token=lambda: held))
                return PermissionsServiceStub(channel)

            stub = await as_caller("engagement")
            yield Office(live, clock, writer, stub, as_caller, http, token)

    return opened


@pytest.fixture
def open_office(
    settings: Settings, signing_key: dict[str, Any], clock: Clock
) -> Callable[..., Any]:
    """Opens an office; a second one is another process on the same database."""
    return opener(settings, signing_key, clock)


@pytest.fixture
async def empty_office(open_office: Callable[..., Any]) -> AsyncIterator[Office]:
    """An office that knows nobody and has no policy."""
    async with open_office() as office:
        yield office


async def furnish(office: Office) -> Office:
    """Gives an office the default policy and its staff."""
    await start_policy(office.writer, default_policy())
    token = await office.state(*staff())
    await office.live.at_least(token)
    return office


@pytest.fixture
async def office(empty_office: Office) -> Office:
    """An office with the default policy and its staff."""
    return await furnish(empty_office)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_office(
    lasting_settings: Settings, lasting_key: tuple[dict[str, Any], Path]
) -> AsyncIterator[Office]:
    """An office with the default policy and its staff, for all tests of a module that leave it as it is."""
    async with opener(lasting_settings, lasting_key[0], Clock())() as opened:
        yield await furnish(opened)


@pytest.fixture
def numbers() -> Callable[[], int]:
    """Counts from 1."""
    return itertools.count(1).__next__


@pytest.fixture
async def release() -> asyncio.Event:
    """Something to wait for."""
    return asyncio.Event()
