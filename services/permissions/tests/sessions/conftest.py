"""An office of people with sessions, devices and customers, at the gRPC door; time moves only when a test says so."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
import pytest_asyncio
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.decisions import Decision, Outcome, Question
from accesskit.facts import Entity, Fact
from accesskit.guard import AccessGuard, Refusal
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from leadchain.permissions.v1.sessions_service_pb2_grpc import (
    DevicesServiceStub,
    OffboardingServiceStub,
    SessionsServiceStub,
)
from permissions.commands import recording
from permissions.commands.leases import change_owners
from permissions.domain.audit import Event
from permissions.domain.leases import Cause, OwnerChange, unowned
from permissions.policies import default_policy
from permissions.queries.decisions import circumstances_of
from permissions.queries.live import Live
from permissions.rpc import sessions
from permissions.settings import Settings
from permissions.store import facts, principals
from servicekit.auth import mint_token
from servicekit.chassis import Chassis
from servicekit.database import Database

ROLES = {
    "dee": "director",
    "boss": "supervisor",
    "ana": "salesperson",
    "bo": "salesperson",
    "cyn": "salesperson",
    "sec": "security_officer",
}
CHART = ("boss@dee", "ana@boss", "bo@ana", "cyn@ana")
"""Whose manager is who: person@manager."""


class Clock:
    """Unix seconds that only a test moves."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        """The present moment."""
        return self.now_s

    def now(self) -> datetime:
        """The same as a time of the calendar."""
        return datetime.fromtimestamp(self.now_s, UTC)


@dataclass
class OwnState:
    """What the guard of permissions itself decides from."""

    live: Live

    def current_engine(self) -> Any:
        """The engine as it is."""
        return self.live.engine

    async def engine_at(self, consistency_token: str) -> Any:
        """The engine, no older than a token."""
        await self.live.at_least(consistency_token)
        return self.live.engine

    async def confirm(self, question: Question, *, consistency_token: str) -> None:
        """Refuses unless the newest state allows it."""
        await self.live.at_least(consistency_token)
        await self.live.catch_up()
        decision = self.live.engine.decide(question, now_s=self.live.now_s)
        if decision.outcome is not Outcome.ALLOW:
            raise Refusal(question.action, decision.reason)


@dataclass
class Phone:
    """Somebody's device: a key pair that never leaves it."""

    key: OKPKey | ECKey
    algorithm: str
    device_id: str = ""

    @property
    def jwk(self) -> str:
        """The public half."""
        return json.dumps(self.key.as_dict(private=False))

    def proof(self, signed_nonce: str, **changed: Any) -> str:
        """What it signs."""
        claims = {
            "nonce": signed_nonce,
            "sub": self.device_id,
            "aud": "leadchain-devices",
        } | changed
        header = {"alg": self.algorithm}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])


@dataclass
class Office:
    """The people, the door, and the clock."""

    database: Database
    live: Live
    clock: Clock
    signing_key: dict[str, Any]
    stubs: list[Any] = field(default_factory=list)

    def token(self, subject: str, **session: Any) -> str:
        """A token that is good by the real clock, which the host checks tokens by."""
        return mint_token(
            self.signing_key,
            subject=subject,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
            **session,
        )

    async def call(
        self, rpc: str, request: Any, *, by: str, token: str = "", **session: Any
    ) -> Any:
        """Calls an RPC of any of the three services as somebody."""
        held = token or self.token(by, **session)
        method = next(getattr(stub, rpc) for stub in self.stubs if hasattr(stub, rpc))
        return await method(request, metadata=(("authorization", f"Bearer {held}"),), timeout=30)

    async def refusal(self, rpc: str, request: Any, **caller: Any) -> tuple[str, str]:
        """The code and the text with which a call is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.call(rpc, request, **caller)
        return refused.value.code().name, refused.value.details() or ""

    async def may(self, subject_id: str, action: str, what: str, **circumstances: Any) -> Decision:
        """What the newest state answers about `type:id`."""
        await self.live.catch_up()
        asked = Question(subject_id, action, *what.split(":"))
        if circumstances:
            asked = msgspec.structs.replace(asked, **circumstances)
        return self.live.engine.decide(asked, now_s=self.clock.now_s)

    async def state(self, *changes: FactPut | PrincipalPut | PolicyPut) -> None:
        """Makes changes so, in one transaction."""
        async with self.database.unit_of_work() as uow:
            log = await recording.begin(uow)
            numbered = [_numbered(change, log.next_seq) for change in changes]
            seq = log.append(Event("stated", "tests", changes=numbered))
            await facts.put(uow.raw, [each.fact for each in numbered if isinstance(each, FactPut)])
            people = [each for each in numbered if isinstance(each, PrincipalPut)]
            await principals.put(uow.raw, people, seq=seq)
            await log.finish()
        await self.live.catch_up()

    async def give(self, owner_id: str, *resources: str) -> None:
        """Gives resources, each `type:id`, to somebody."""
        async with self.database.unit_of_work() as uow:
            log = await recording.begin(uow)
            changes = [
                OwnerChange(unowned(Entity(*each.split(":"))), owner_id, Cause.ASSIGNED)
                for each in resources
            ]
            await change_owners(uow, log, changes, actor="tests")
            await log.finish()
        await self.live.catch_up()

    async def sign_in(self, principal_id: str, **asked: Any) -> pb.Session:
        """Opens a session as the identity provider does."""
        request = pb.OpenSessionRequest(
            request_id=asked.pop("request_id", f"sign-in-{time.monotonic_ns()}"),
            principal_id=principal_id,
            address=asked.pop("address", "10.1.2.3"),
            **asked,
        )
        return (await self.call("OpenSession", request, by="engagement")).session

    async def phone(self, principal_id: str, *, curve: str = "Ed25519") -> Phone:
        """Registers a device of somebody's; it waits for approval."""
        is_edwards = curve == "Ed25519"
        key = OKPKey.generate_key(curve) if is_edwards else ECKey.generate_key(curve)
        phone = Phone(key, "Ed25519" if is_edwards else "ES256")
        request = pb.RegisterDeviceRequest(public_key_jwk=phone.jwk)
        phone.device_id = (await self.call("RegisterDevice", request, by=principal_id)).device_id
        return phone

    async def challenge(self, phone: Phone, *, by: str) -> str:
        """A nonce for a device."""
        request = pb.ChallengeDeviceRequest(device_id=phone.device_id)
        return str((await self.call("ChallengeDevice", request, by=by)).nonce)

    async def entries(self) -> list[dict[str, Any]]:
        """What the log says, oldest first."""
        async with self.database.raw() as raw:
            rows = await raw.fetch("select fact from audit_entries order by seq")
        return [json.loads(row[0]) for row in rows]

    async def published(self, name: str) -> Sequence[bytes]:
        """The events of a type in the outbox."""
        sql = "select payload from outbox where event_type like '%.' || $1 order by id"
        async with self.database.raw() as raw:
            return [row[0] for row in await raw.fetch(sql, name)]


def _numbered(change: Any, seq: int) -> Any:
    if isinstance(change, FactPut):
        return FactPut(msgspec.structs.replace(change.fact, seq=seq))
    return change


def fact(written: str) -> FactPut:
    """A fact of its written form, `type:id#relation@type:id`."""
    what, subject = written.split("@")
    resource, relation = what.split("#")
    return FactPut(Fact(*resource.split(":"), relation, *subject.split(":")))


def staff() -> list[FactPut | PrincipalPut]:
    """Everybody in the office, with their roles and managers."""
    return [
        *(PrincipalPut(id_, "user", "active", 1) for id_ in ROLES),
        PrincipalPut("engagement", "service", "active", 1),
        *(fact(f"role:{role}#member@user:{id_}") for id_, role in ROLES.items()),
        *(fact(f"user:{edge.replace('@', '#manager@user:')}") for edge in CHART),
    ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def open_office(
    settings: Settings, signing_key: dict[str, Any], clock: Clock
) -> AsyncIterator[Office]:
    """An office with the default policy and its staff."""
    chassis = Chassis(settings)
    database = Database(chassis.database.url, service="permissions", clock=clock.now)
    chassis.database = database
    live = Live(database, clock=clock)
    sessions.serve(chassis, live)
    chassis.grpc.guard_with(AccessGuard("permissions", OwnState(live), clock=clock))
    chassis.verifier.is_revoked = lambda caller: live.engine.is_void(
        caller.subject, circumstances_of(caller)
    )
    async with AsyncExitStack() as stack:
        for part in (database, live, chassis.grpc):
            await part.start()
            stack.push_async_callback(part.stop)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{chassis.grpc.port}")
        await stack.enter_async_context(channel)
        stubs = (SessionsServiceStub, DevicesServiceStub, OffboardingServiceStub)
        office = Office(database, live, clock, signing_key, [stub(channel) for stub in stubs])
        await office.state(PolicyPut(1, default_policy(), "live"), *staff())
        yield office


@pytest.fixture
async def office(
    settings: Settings, signing_key: dict[str, Any], clock: Clock
) -> AsyncIterator[Office]:
    async with open_office(settings, signing_key, clock) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_office(
    lasting_settings: Settings, lasting_key: tuple[dict[str, Any], Path]
) -> AsyncIterator[Office]:
    """An office for all tests of a module that leave it as it is."""
    async with open_office(lasting_settings, lasting_key[0], Clock()) as opened:
        yield opened
