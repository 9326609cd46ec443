"""A small office with its own policy, and approvals at the gRPC door; time moves only when a test says so."""

import json
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from accesskit.changes import Change, FactPut, FactRemoved, PolicyPut, PrincipalPut
from accesskit.facts import Fact
from leadchain.permissions.v1 import approvals_service_pb2 as pb
from leadchain.permissions.v1.approvals_service_pb2_grpc import (
    ApprovalsServiceStub,
    add_ApprovalsServiceServicer_to_server,
)
from leadchain.permissions.v1.changes_pb2 import Entity
from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.domain.policies import Stage, Version
from permissions.queries.live import Live
from permissions.rpc.approvals import SERVICE, ApprovalsServicer
from permissions.store import facts, policies, principals
from servicekit.auth import TokenVerifier, mint_token
from servicekit.database import Database
from servicekit.events import new_id
from servicekit.grpc_server import GrpcServer
from servicekit.sealing import KeyRing

POLICY = """
model: |
  model
    schema 1.1
  type user
    relations
      define manager: [user]
      define delegate: [user]
  type service
  type role
    relations
      define member: [user, service]
  type customer
    relations
      define owner: [user]
  type key
  type approval
  type platform
roles:
  rep: {zh: 销售, en: Rep}
  supervisor: {zh: 主管, en: Supervisor}
  security: {zh: 安全, en: Security}
  auditor: {zh: 审计, en: Auditor}
services: [gateway, reporting]
reading: [read]
rules:
  - {id: rep_reads, roles: [rep], on: customer, as: owner, actions: [read]}
  - {id: rep_deletes, roles: [rep], on: customer, as: owner, actions: [delete]}
  - {id: security_rotates, roles: [security], on: key, actions: [rotate]}
  - {id: auditor_reads, roles: [auditor], on: approval, actions: [read]}
  - {id: gateway_vouches, principals: [gateway], on: platform, actions: [vouch]}
approvals:
  - id: delete_customer
    on: customer
    actions: [delete]
    steps: [{group: line, roles: [supervisor]}, {group: security, roles: [security]}]
  - id: rotate_key
    on: key
    actions: [rotate]
    steps: [{group: security, roles: [security], need: 2}]
    break_glass: true
"""
ROLES = {
    "ana": "rep",
    "bo": "rep",
    "boss": "supervisor",
    "sue": "supervisor",
    "sec": "security",
    "sid": "security",
    "sol": "security",
    "aud": "auditor",
}
APPROVE, DENY = pb.VERDICT_APPROVE, pb.VERDICT_DENY


@dataclass
class Office:
    """The people, the door, and the clock (Unix seconds)."""

    database: Database
    live: Live
    key: dict[str, Any]
    now_s: float
    stub: Any = None
    known: dict[str, PrincipalPut] = field(default_factory=dict)

    def token(self, subject: str, *, amr: Collection[str], age_s: float) -> str:
        """A token of somebody who proved to be there some time ago."""
        session = {"amr": amr, "auth_time": self.now_s - age_s}
        now = datetime.now(UTC)
        return mint_token(
            self.key,
            subject=subject,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=now,
            **session,
        )

    async def call(
        self, rpc: str, request: Any, *, by: str, amr: Collection[str] = ("otp",), age_s: float = 1
    ) -> Any:
        """Calls an RPC as somebody."""
        token = self.token(by, amr=amr, age_s=age_s)
        metadata = (("authorization", f"Bearer {token}"),)
        return await getattr(self.stub, rpc)(request, metadata=metadata, timeout=10)

    async def refusal(self, rpc: str, request: Any, **caller: Any) -> tuple[str, str]:
        """The code and the text with which a call is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.call(rpc, request, **caller)
        return refused.value.code().name, refused.value.details() or ""

    async def state(self, *changes: Change) -> None:
        """Makes changes so, in one transaction."""
        async with self.database.unit_of_work() as uow:
            log = await recording.begin(uow)
            seq = log.next_seq
            stated = [numbered(change, seq) for change in changes]
            log.append(Event("state_given", "test", changes=stated))
            for change in stated:
                await write(uow.raw, change, seq=seq)
            await log.finish()
        self.known.update({c.principal_id: c for c in changes if isinstance(c, PrincipalPut)})

    async def put(self, person_id: str, *, status: str = "active", epoch_by: int = 0) -> None:
        """Changes somebody's status and epoch."""
        before = self.known[person_id]
        changed = PrincipalPut(person_id, before.type, status, before.epoch + epoch_by)
        await self.state(changed)

    async def requested(self, **changed: Any) -> str:
        """A new request of ana's to delete a customer of hers."""
        request = a_request(**changed)
        await self.call("RequestAccess", request, by=request.deed.subject_id)
        return request.request_id

    async def approved(self, **changed: Any) -> str:
        """A request that boss and sec have approved."""
        request_id = await self.requested(**changed)
        for approver in ("boss", "sec"):
            await self.vote(request_id, by=approver)
        return request_id

    async def vote(self, request_id: str, *, by: str, verdict: int = APPROVE, **caller: Any) -> Any:
        """Votes; returns the request."""
        ballot = pb.VoteRequest(request_id=request_id, verdict=verdict)
        return (await self.call("Vote", ballot, by=by, **caller)).request

    async def entries(self) -> list[dict[str, Any]]:
        """What the log says, oldest first."""
        async with self.database.raw() as raw:
            rows = await raw.fetch("select fact from audit_entries order by seq")
        return [json.loads(row[0]) for row in rows]

    async def published(self, name: str) -> list[bytes]:
        """The events of a type in the outbox."""
        sql = "select payload from outbox where event_type like '%.' || $1 order by id"
        async with self.database.raw() as raw:
            return [row[0] for row in await raw.fetch(sql, name)]


def numbered(change: Change, seq: int) -> Change:
    """The change with the number of its entry where it has one."""
    if isinstance(change, FactPut):
        fact = change.fact
        return FactPut(Fact(*fact.key, condition=fact.condition, until_s=fact.until_s, seq=seq))
    return change


async def write(raw: Any, change: Change, *, seq: int) -> None:
    """Writes a change into its table."""
    match change:
        case FactPut(fact):
            await facts.put(raw, [fact])
        case FactRemoved(fact):
            await facts.remove(raw, [fact.key])
        case PrincipalPut():
            await principals.put(raw, [change], seq=seq)
        case PolicyPut(version, document, stage):
            for live in await policies.in_stage(raw, Stage.LIVE):
                await policies.move(raw, live.number, Stage.RETIRED, seq=seq)
            at = datetime.now(UTC)
            await policies.add(raw, Version(version, document, Stage(stage), "test", at, seq, None))


def fact(text: str, *, until_s: float | None = None) -> Fact:
    """A fact from its written form, such as `user:ana#manager@user:boss`."""
    resource, subject = text.split("@")
    entity, relation = resource.split("#")
    return Fact(*entity.split(":"), relation, *subject.split(":"), until_s=until_s)


def a_deed(
    *, subject: str = "ana", customer: str = "c-1", params: str = '{"undo_days":7}'
) -> pb.Deed:
    """Deleting a customer."""
    resource = Entity(type="customer", id=customer)
    return pb.Deed(subject_id=subject, action="delete", resource=resource, params_json=params)


def a_request(
    *, request_id: str = "", deed: pb.Deed | None = None, **fields: Any
) -> pb.RequestAccessRequest:
    """A request to delete a customer."""
    return pb.RequestAccessRequest(
        request_id=request_id or new_id(), deed=deed or a_deed(), summary="duplicate", **fields
    )


def a_use(
    approval_id: str, *, key: str = "job-1", deed: pb.Deed | None = None
) -> pb.UseApprovalRequest:
    """The use of an approval."""
    return pb.UseApprovalRequest(
        approval_id=approval_id, idempotency_key=key, deed=deed or a_deed()
    )


def an_emergency(*, request_id: str = "", subject: str = "sec") -> pb.BreakGlassRequest:
    """Rotating a key at once."""
    deed = pb.Deed(subject_id=subject, action="rotate", resource=Entity(type="key", id="k-1"))
    return pb.BreakGlassRequest(request_id=request_id or new_id(), deed=deed, summary="leaked")


def people(*, suffix: str = "") -> list[Change]:
    """Everybody in the office, their roles and managers, and ana's customer."""
    changes: list[Change] = []
    for name, role in ROLES.items():
        changes.append(PrincipalPut(name + suffix, "user", "active", 1))
        changes.append(FactPut(fact(f"role:{role}#member@user:{name}{suffix}")))
    changes.extend(
        FactPut(fact(written))
        for written in (
            f"user:ana{suffix}#manager@user:boss{suffix}",
            f"customer:c-1{suffix}#owner@user:ana{suffix}",
        )
    )
    return changes


@pytest.fixture
async def office(
    migrated_url: str, signing_key: dict[str, Any], tmp_path: Path
) -> AsyncIterator[Office]:
    database = Database(
        migrated_url,
        service="permissions",
        clock=lambda: datetime.fromtimestamp(the_office.now_s, UTC),
    )
    live = Live(database, clock=lambda: the_office.now_s, field_keys=KeyRing({"k1": bytes(32)}))
    the_office = Office(database, live, signing_key, now_s=float(int(time.time())))
    await database.start()
    services = [PrincipalPut(id_, "service", "active", 1) for id_ in ("gateway", "reporting")]
    await the_office.state(PolicyPut(1, POLICY, "live"))
    await the_office.state(*services, *people())
    await live.start()
    verifier = TokenVerifier(tmp_path / "jwks.json", issuer="leadchain", audience="leadchain")
    grpc_host = GrpcServer("127.0.0.1", 0, verifier=verifier)
    servicer = ApprovalsServicer(database, live)
    grpc_host.add(add_ApprovalsServiceServicer_to_server, servicer, SERVICE)
    await grpc_host.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_host.port}") as channel:
        the_office.stub = ApprovalsServiceStub(channel)
        yield the_office
    await grpc_host.stop()
    await live.stop()
    await database.stop()
