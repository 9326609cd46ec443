"""Facts, principals and policies at the gRPC door of a real server, with real tokens, on a real database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from accesskit.engine import Engine
from accesskit.wire import change_from_pb
from leadchain.permissions.v1 import approvals_service_pb2 as approvals_pb
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import facts_service_pb2 as pb
from leadchain.permissions.v1.approvals_service_pb2_grpc import (
    ApprovalsServiceStub,
    add_ApprovalsServiceServicer_to_server,
)
from leadchain.permissions.v1.facts_service_pb2_grpc import (
    FactsServiceStub,
    add_FactsServiceServicer_to_server,
)
from leadchain.permissions.v1.policies_service_pb2_grpc import (
    PoliciesServiceStub,
    add_PoliciesServiceServicer_to_server,
)
from permissions.commands.bootstrap import lay
from permissions.commands.policies import start_policy
from permissions.domain.bootstrap import foundation_of, parse_fact
from permissions.policies import default_policy
from permissions.queries.live import Live
from permissions.rpc.approvals import SERVICE as APPROVALS
from permissions.rpc.approvals import ApprovalsServicer
from permissions.rpc.facts import FactsServicer
from permissions.rpc.policies import PoliciesServicer
from servicekit.auth import TokenVerifier, mint_token
from servicekit.database import Database
from servicekit.events import new_id
from servicekit.grpc_client import connect
from servicekit.grpc_server import GrpcServer
from servicekit.sealing import KeyRing

FOUNDATION = {
    "principals": [
        {"id": "leadctl", "type": "service"},
        {"id": "engagement", "type": "service"},
        {"id": "dee"},
        {"id": "sec"},
        {"id": "sid"},
        {"id": "gov"},
        {"id": "gus"},
        {"id": "ana"},
        {"id": "bo"},
    ],
    "facts": [
        "role:director#member@user:dee",
        "role:security_officer#member@user:sec",
        "role:security_officer#member@user:sid",
        "role:governance_officer#member@user:gov",
        "role:governance_officer#member@user:gus",
        "role:salesperson#member@user:ana",
        "role:salesperson#member@user:bo",
    ],
}


def policy_with(*changes: tuple[str, str]) -> str:
    """The default policy with some text replaced."""
    text = default_policy()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


UNAPPROVED = ("    on: policy\n    actions: [publish]", "    on: policy\n    actions: [burn]")
"""Whoever may publish a policy needs no approval for it."""
WRITER = (
    "\nrules:\n",
    "\nrules:\n  - {id: writer, principals: [engagement], on: platform, actions: [write_facts]}\n",
)
"""engagement may write plain facts, and no more."""


def a_fact(written: str, **terms: Any) -> changes_pb2.Fact:
    """The fact of a written form."""
    fact = parse_fact(written)
    return changes_pb2.Fact(
        resource=changes_pb2.Entity(type=fact.resource_type, id=fact.resource_id),
        relation=fact.relation,
        subject=changes_pb2.Entity(type=fact.subject_type, id=fact.subject_id),
        subject_relation=fact.subject_relation,
        **terms,
    )


@dataclass
class Door:
    """The server and what is behind it."""

    database: Database
    live: Live
    key: dict[str, Any]
    stubs: list[Any] = field(default_factory=list)

    def metadata(self, by: str, **claims: Any) -> Sequence[tuple[str, str]]:
        """The token of somebody."""
        now = datetime.now(UTC)
        token = mint_token(
            self.key,
            subject=by,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=now,
            **claims,
        )
        return (("authorization", f"Bearer {token}"),)

    async def call(self, rpc: str, request: Any, *, by: str = "leadctl", **claims: Any) -> Any:
        """Calls an RPC as somebody."""
        stub = next(each for each in self.stubs if hasattr(each, rpc))
        return await getattr(stub, rpc)(request, metadata=self.metadata(by, **claims), timeout=30)

    async def refusal(self, rpc: str, request: Any, **caller: Any) -> tuple[str, str]:
        """The code and the text with which a call is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.call(rpc, request, **caller)
        return refused.value.code().name, refused.value.details() or ""

    async def write(
        self, *puts: str, remove: Sequence[str] = (), by: str = "leadctl", **rest: Any
    ) -> pb.WriteFactsResponse:
        """Writes facts in their written form."""
        return await self.call("WriteFacts", a_write(*puts, remove=remove, **rest), by=by)

    async def refused_write(
        self, *puts: str, remove: Sequence[str] = (), by: str = "leadctl", **rest: Any
    ) -> tuple[str, str]:
        """The refusal of a write."""
        return await self.refusal("WriteFacts", a_write(*puts, remove=remove, **rest), by=by)

    async def approved(self, deed: approvals_pb.Deed, *, voters: Sequence[str]) -> str:
        """An approval that its subject asked for and others gave."""
        asked = approvals_pb.RequestAccessRequest(request_id=new_id(), deed=deed, summary="a test")
        await self.call("RequestAccess", asked, by=deed.subject_id)
        for voter in voters:
            ballot = approvals_pb.VoteRequest(
                request_id=asked.request_id, verdict=approvals_pb.VERDICT_APPROVE
            )
            await self.call("Vote", ballot, by=voter, **self.present())
        return asked.request_id

    def present(self) -> dict[str, Any]:
        """The claims of somebody who has just proved to be there."""
        return {"amr": ["otp"], "auth_time": self.live.now_s - 1}

    async def facts(self, **wanted: Any) -> list[str]:
        """The written forms of all facts that match."""
        request = pb.ReadFactsRequest(page_size=2000, **wanted)
        return [written(fact) for fact in (await self.call("ReadFacts", request)).facts]

    def watch(self, after_revision: int) -> Any:
        """Follows the changes; to be cancelled."""
        request = pb.WatchRequest(after_revision=after_revision)
        return self.stubs[0].Watch(request, metadata=self.metadata("reporting"), timeout=30)

    async def snapshot(self) -> list[pb.SnapshotResponse]:
        """Every part of a snapshot."""
        metadata = self.metadata("reporting")
        return [
            part async for part in self.stubs[0].Snapshot(pb.SnapshotRequest(), metadata=metadata)
        ]

    async def replica(self) -> Engine:
        """An engine made of a snapshot."""
        parts = await self.snapshot()
        changes = [change_from_pb(change) for part in parts for change in part.changes]
        engine = Engine()
        engine.apply(changes, revision=parts[-1].revision)
        return engine


def a_write(*puts: str, remove: Sequence[str] = (), **rest: Any) -> pb.WriteFactsRequest:
    """A request to write facts in their written form."""
    return pb.WriteFactsRequest(
        puts=[a_fact(each) for each in puts], removals=[a_fact(each) for each in remove], **rest
    )


def written(fact: changes_pb2.Fact) -> str:
    """The written form of a fact."""
    relation = f"#{fact.subject_relation}" if fact.subject_relation else ""
    subject = f"{fact.subject.type}:{fact.subject.id}{relation}"
    return f"{fact.resource.type}:{fact.resource.id}#{fact.relation}@{subject}"


@asynccontextmanager
async def opened(database: Database, key: dict[str, Any], jwks: Path) -> AsyncIterator[Door]:
    """The service's part under test, started."""
    live = Live(database, field_keys=KeyRing({"k1": bytes(32)}))
    await live.start()

    async def wake(_: object) -> None:
        live.wake()

    database.on_announce[:] = [wake]
    verifier = TokenVerifier(jwks, issuer="leadchain", audience="leadchain")
    server = GrpcServer("127.0.0.1", 0, verifier=verifier)
    package = "leadchain.permissions.v1"
    server.add(
        add_FactsServiceServicer_to_server,
        FactsServicer(database, live),
        f"{package}.FactsService",
    )
    server.add(
        add_PoliciesServiceServicer_to_server,
        PoliciesServicer(database, live),
        f"{package}.PoliciesService",
    )
    server.add(add_ApprovalsServiceServicer_to_server, ApprovalsServicer(database, live), APPROVALS)
    await server.start()
    try:
        async with connect(f"127.0.0.1:{server.port}", token=None) as channel:
            stubs = [
                FactsServiceStub(channel),
                PoliciesServiceStub(channel),
                ApprovalsServiceStub(channel),
            ]
            yield Door(database, live, key, stubs)
    finally:
        await server.stop()
        await live.stop()


@pytest.fixture
def jwks(tmp_path: Path, signing_key: dict[str, Any]) -> Path:
    return tmp_path / "jwks.json"


@pytest.fixture
def policy() -> str:
    return policy_with(WRITER)


@pytest.fixture
async def door(
    database: Database, signing_key: dict[str, Any], jwks: Path, policy: str
) -> AsyncIterator[Door]:
    await start_policy(database, policy)
    await lay(database, foundation_of(FOUNDATION))
    async with opened(database, signing_key, jwks) as one:
        yield one
