"""An office that exports what it owns, with its approvers, at the gRPC door; time moves only when a test says so."""

import json
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from accesskit.changes import FactPut, FactRemoved, PolicyPut, PrincipalPut
from accesskit.facts import Entity, Fact
from leadchain.permissions.v1 import approvals_service_pb2 as approvals_pb
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import exports_service_pb2 as pb
from leadchain.permissions.v1.approvals_service_pb2_grpc import (
    ApprovalsServiceStub,
    add_ApprovalsServiceServicer_to_server,
)
from leadchain.permissions.v1.exports_service_pb2_grpc import (
    ExportsServiceStub,
    add_ExportsServiceServicer_to_server,
)
from permissions.commands import recording
from permissions.commands.leases import change_owners
from permissions.domain.audit import Event
from permissions.domain.leases import Cause, OwnerChange, unowned
from permissions.domain.policies import Stage, Version
from permissions.policies import default_policy
from permissions.queries.live import Live
from permissions.rpc import approvals, exports
from permissions.store import facts, policies, principals
from servicekit.auth import TokenVerifier, mint_token
from servicekit.database import Database
from servicekit.events import new_id
from servicekit.grpc_server import GrpcServer

ROLES = {
    "dee": "director",
    "boss": "supervisor",
    "ana": "salesperson",
    "bo": "salesperson",
    "gov": "governance_officer",
    "sec": "security_officer",
}
FIELDS = ("company", "id_card")


@dataclass
class Office:
    """The people, the door, and the clock (Unix seconds)."""

    database: Database
    live: Live
    key: dict[str, Any]
    now_s: float
    stubs: list[Any] = field(default_factory=list)
    version: int = 0

    async def call(
        self, rpc: str, request: Any, *, by: str = "engagement", amr: Collection[str] = ("otp",)
    ) -> Any:
        """Calls an RPC as somebody who has just proven to be there."""
        token = mint_token(
            self.key,
            subject=by,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
            amr=amr,
            auth_time=self.now_s - 1,
        )
        method = next(getattr(stub, rpc) for stub in self.stubs if hasattr(stub, rpc))
        return await method(request, metadata=(("authorization", f"Bearer {token}"),), timeout=60)

    async def refusal(self, rpc: str, request: Any, **caller: Any) -> tuple[str, str]:
        """The code and the text with which a call is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.call(rpc, request, **caller)
        return refused.value.code().name, refused.value.details() or ""

    def speaking_for(self, person_id: str) -> approvals_pb.Actor:
        """What the gateway says of a person who has just proven to be there."""
        actor = approvals_pb.Actor(person_id=person_id, amr=["otp"])
        actor.authenticated_at.FromDatetime(datetime.fromtimestamp(self.now_s - 1, UTC))
        return actor

    def an_opening(self, person_id: str = "ana", **changed: Any) -> pb.OpenExportRequest:
        """A request to export one's own customers."""
        asked: dict[str, Any] = {
            "request_id": new_id(),
            "actor": self.speaking_for(person_id),
            "resource": changes_pb2.Entity(type="customer"),
            "scope": pb.EXPORT_SCOPE_OWN,
            "filter_json": '{"stage":"won"}',
            "fields": FIELDS,
            "row_estimate": 50,
        }
        return pb.OpenExportRequest(**(asked | changed))

    def an_export_of_all(self, rows: int, **changed: Any) -> pb.OpenExportRequest:
        """The director's request to export every customer."""
        everything = {"scope": pb.EXPORT_SCOPE_ALL, "row_estimate": rows}
        return self.an_opening("dee", **(everything | changed))

    async def open(self, person_id: str = "ana", **changed: Any) -> pb.Export:
        """An open export of one's own customers."""
        return (await self.call("OpenExport", self.an_opening(person_id, **changed))).export

    async def open_approved(self, rows: int, **changed: Any) -> pb.Export:
        """An open export of every customer, approved by the governance officer."""
        opening = self.an_export_of_all(rows, **changed)
        opening.approval_id = await self.approved(opening)
        return (await self.call("OpenExport", opening)).export

    async def approved(self, opening: pb.OpenExportRequest) -> str:
        """An approval of an export."""
        params = {
            "fields": sorted(opening.fields),
            "filter": json.loads(opening.filter_json),
            "row_estimate": opening.row_estimate,
        }
        resource = changes_pb2.Entity(type=opening.resource.type, id=opening.resource.id or "*")
        team = opening.scope == pb.EXPORT_SCOPE_TEAM
        return await self.approval(
            approvals_pb.Deed(
                subject_id=opening.actor.person_id,
                action="export_team" if team else "export",
                resource=resource,
                params_json=json.dumps(params),
            )
        )

    async def approval(self, deed: approvals_pb.Deed) -> str:
        """An approval of a deed by the governance officer."""
        request = approvals_pb.RequestAccessRequest(
            request_id=new_id(), deed=deed, summary="quarterly review"
        )
        await self.call("RequestAccess", request, by=deed.subject_id)
        ballot = approvals_pb.VoteRequest(
            request_id=request.request_id, verdict=approvals_pb.VERDICT_APPROVE
        )
        await self.call("Vote", ballot, by="gov")
        return request.request_id

    async def continuation(self, export: pb.Export) -> str:
        """An approval to go on with an export."""
        return await self.approval(
            approvals_pb.Deed(
                subject_id=export.subject_id,
                action="continue",
                resource=changes_pb2.Entity(type="export", id=export.export_id),
            )
        )

    async def acquire(self, export: pb.Export, **changed: Any) -> pb.AcquirePageResponse:
        """The next page of an export."""
        request = pb.AcquirePageRequest(export_id=export.export_id, **changed)
        return await self.call("AcquirePage", request)  # type: ignore[no-any-return]

    async def acquire_refusal(self, export: pb.Export, **changed: Any) -> tuple[str, str]:
        """How the next page of an export is refused."""
        request = pb.AcquirePageRequest(export_id=export.export_id, **changed)
        return await self.refusal("AcquirePage", request)

    async def report(
        self, page: pb.AcquirePageResponse, rows: int, **changed: Any
    ) -> pb.ReportPageResponse:
        """Says that a page was delivered, with more to come."""
        return await self.call("ReportPage", a_report(page, rows, **changed))  # type: ignore[no-any-return]

    async def get(self, export: pb.Export) -> pb.GetExportResponse:
        """An export as it stands."""
        return await self.call(  # type: ignore[no-any-return]
            "GetExport", pb.GetExportRequest(export_id=export.export_id)
        )

    async def read_all(self, export: pb.Export, *, rows: int, **cost: float) -> int:
        """Pages through an export of so many rows; returns how many pages it took."""
        pages = done = 0
        cursor = ""
        while done < rows:
            page = await self.acquire(export, cursor=cursor)
            count = min(page.rows, rows - done)
            done, pages = done + count, pages + 1
            cursor = f"after-{done}" if done < rows else ""
            await self.report(page, count, next_cursor=cursor, **cost)
        return pages

    async def state(self, *changes: FactPut | FactRemoved | PrincipalPut | PolicyPut) -> None:
        """Makes changes so, in one transaction."""
        async with self.database.unit_of_work() as uow:
            log = await recording.begin(uow)
            numbered = [_numbered(change, log.next_seq) for change in changes]
            seq = log.append(Event("stated", "tests", changes=numbered))
            await facts.put(uow.raw, [each.fact for each in numbered if isinstance(each, FactPut)])
            gone = [each.fact.key for each in numbered if isinstance(each, FactRemoved)]
            await facts.remove(uow.raw, gone)
            people = [each for each in numbered if isinstance(each, PrincipalPut)]
            await principals.put(uow.raw, people, seq=seq)
            for policy in (each for each in numbered if isinstance(each, PolicyPut)):
                await _write_policy(uow.raw, policy, seq=seq)
            await log.finish()
        await self.live.catch_up()

    async def limit(self, **limits: object) -> None:
        """Changes limits of the policy's section on exports."""
        document = default_policy()
        for name, number in limits.items():
            found = next(part for part in _numbers(document) if part.startswith(f"{name}: "))
            document = document.replace(found, f"{name}: {number}")
        self.version += 1
        await self.state(PolicyPut(self.version, document, "live"))

    async def give(self, owner_id: str, count: int, *, first: int = 0) -> list[changes_pb2.Entity]:
        """Gives customers to somebody; returns them."""
        ids = [f"{owner_id}-{number}" for number in range(first, first + count)]
        async with self.database.unit_of_work() as uow:
            log = await recording.begin(uow)
            changes = [
                OwnerChange(unowned(Entity("customer", id_)), owner_id, Cause.ASSIGNED)
                for id_ in ids
            ]
            await change_owners(uow, log, changes, actor="tests")
            await log.finish()
        await self.live.catch_up()
        return customers(*ids)

    async def entries(self, prefix: str) -> list[dict[str, Any]]:
        """What the log says of actions that begin so, oldest first."""
        async with self.database.raw() as raw:
            rows = await raw.fetch("select fact from audit_entries order by seq")
        told = [json.loads(row[0]) for row in rows]
        return [each for each in told if each["action"].startswith(prefix)]

    def noon(self) -> None:
        """Moves the clock to noon in China, so that no test runs over midnight."""
        today = datetime.fromtimestamp(self.now_s, timezone(timedelta(hours=8)))
        self.now_s = today.replace(hour=12, minute=0, second=0, microsecond=0).timestamp()


def customers(*ids: str) -> list[changes_pb2.Entity]:
    """Customers as the exporter names them."""
    return [changes_pb2.Entity(type="customer", id=id_) for id_ in ids]


def a_report(page: pb.AcquirePageResponse, rows: int, **changed: Any) -> pb.ReportPageRequest:
    """That a page was delivered with rows about one customer, and more to come."""
    told: dict[str, Any] = {
        "lease_id": page.lease_id,
        "ok": True,
        "rows": rows,
        "next_cursor": "more",
        "resources": customers("somebody") if rows else [],
        "response_ms": 20.0,
        "memory_peak_mb": 64.0,
    }
    return pb.ReportPageRequest(**(told | changed))


def _numbers(document: str) -> list[str]:
    """Every `name: number` after the heading of the section on exports."""
    section = document[document.index("\nexports:") :]
    return [
        part.strip(" {}")
        for part in section.replace("breaker: {", "\n").replace(",", "\n").splitlines()
    ]


def _numbered(change: Any, seq: int) -> Any:
    if isinstance(change, FactPut):
        return FactPut(msgspec.structs.replace(change.fact, seq=seq))
    return change


async def _write_policy(raw: Any, put: PolicyPut, *, seq: int) -> None:
    for live in await policies.in_stage(raw, Stage.LIVE):
        await policies.move(raw, live.number, Stage.RETIRED, seq=seq)
    at = datetime.now(UTC)
    version = Version(put.version, put.document, Stage(put.stage), "tests", at, seq, None)
    await policies.add(raw, version)


def staff() -> list[FactPut | PrincipalPut]:
    """Everybody in the office, with their roles; boss leads ana."""
    return [
        *(PrincipalPut(id_, "user", "active", 1) for id_ in ROLES),
        PrincipalPut("engagement", "service", "active", 1),
        PrincipalPut("reporting", "service", "active", 1),
        *(FactPut(Fact("role", role, "member", "user", id_)) for id_, role in ROLES.items()),
        FactPut(Fact("user", "ana", "manager", "user", "boss")),
        FactPut(Fact("report", "r-1", "author", "user", "ana")),
    ]


@pytest.fixture
async def office(
    migrated_url: str, signing_key: dict[str, Any], tmp_path: Path
) -> AsyncIterator[Office]:
    database = Database(
        migrated_url,
        service="permissions",
        clock=lambda: datetime.fromtimestamp(the_office.now_s, UTC),
    )
    live = Live(database, clock=lambda: the_office.now_s)
    the_office = Office(database, live, signing_key, now_s=time.time())
    the_office.noon()
    await database.start()
    await live.start()
    verifier = TokenVerifier(tmp_path / "jwks.json", issuer="leadchain", audience="leadchain")
    host = GrpcServer("127.0.0.1", 0, verifier=verifier)
    voting = approvals.ApprovalsServicer(database, live)
    host.add(add_ApprovalsServiceServicer_to_server, voting, approvals.SERVICE)
    guard = exports.ExportsServicer(database, live)
    host.add(add_ExportsServiceServicer_to_server, guard, exports.SERVICE)
    await host.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{host.port}") as channel:
        the_office.stubs = [ApprovalsServiceStub(channel), ExportsServiceStub(channel)]
        await the_office.limit()
        await the_office.state(*staff())
        yield the_office
    await host.stop()
    await live.stop()
    await database.stop()
