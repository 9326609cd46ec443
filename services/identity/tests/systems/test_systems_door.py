"""The whole service on real servers: rows of systems come by the bus, are told back, and are asked about by gRPC."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import grpc
import msgspec
import pytest
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.facts import Fact
from identity.app import build
from leadchain.identity.v1 import crosswalk_service_pb2 as crosswalk_pb
from leadchain.identity.v1 import freshness_service_pb2 as freshness_pb
from leadchain.identity.v1.crosswalk_service_pb2_grpc import CrosswalkServiceStub
from leadchain.identity.v1.customer_events_pb2 import CustomerChanged
from leadchain.identity.v1.freshness_service_pb2_grpc import FreshnessServiceStub
from leadchain.intake.v1.facts_events_pb2 import SourceRecordChanged
from leadctl.fakes.erp import FakeErp
from servicekit.events import new_id, subject_of
from servicekit.http_host import HttpHost
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from nats.aio.client import Client
    from nats.aio.msg import Msg

SECRET = "made-up-secret"
PHONE, OTHER_PHONE = "13800138001", "13800138002"
USCC = "91440300708461136T"
COMPANY = "深圳市示例精密零部件有限公司"
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
  type system
roles:
  data_steward: {zh: 数据管家, en: Data steward}
services: [identity]
rules:
  - {id: stewards, roles: [data_steward], on: customer, actions: [read_identity]}
  - {id: steward_watches, roles: [data_steward], on: system, actions: [read, operate]}
"""


@dataclass
class Running:
    """The running service as its neighbours see it; its ERP has one customer from the start."""

    bus: Client
    crosswalk: Any
    freshness: Any
    stranger: Any
    erp: FakeErp
    seal: Any

    async def tells(self, system: str, key: str, fields: Mapping[str, object]) -> None:
        """lead-intake states that a row of a system has changed."""
        event = SourceRecordChanged(
            event_id=new_id(), system=system, entity="customer", record_key=key
        )
        event.occurred_at.FromDatetime(datetime.now(UTC))
        event.modified_at.FromDatetime(datetime.now(UTC))
        event.origin.item_id = new_id()
        event.sealed_fields = self.seal(
            msgspec.json.encode(fields), UUID(event.origin.item_id).bytes
        )
        subject = subject_of(event.DESCRIPTOR.full_name, event.origin.item_id)
        await self.bus.jetstream().publish(subject, event.SerializeToString())

    async def golden_id(self, system: str, key: str) -> str:
        """What a row's customer is called, once it is known."""

        async def known() -> str:
            try:
                found = await self.crosswalk.LookUpKey(
                    crosswalk_pb.LookUpKeyRequest(system=system, key=key)
                )
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    return ""
                raise
            return str(found.golden_id)

        return await eventually(known, what=f"{system} {key}")


@asynccontextmanager
async def an_erp(folder: Path) -> AsyncIterator[tuple[FakeErp, Path]]:
    """An ERP with one customer, and the file that names its door."""
    erp = FakeErp(SECRET)
    erp.change("K-1", 联系人="张伟", 手机=PHONE, 客户名称=COMPANY, 统一社会信用代码=USCC)
    host = HttpHost("127.0.0.1", 0, erp)
    await host.start()
    doors = folder / "doors.yaml"
    doors.write_text(
        f"kingdee: {{kind: json, base_url: 'http://127.0.0.1:{host.port}', secret: {SECRET}}}"
    )
    try:
        yield erp, doors
    finally:
        await host.stop()


@pytest.fixture
def model_file(model, tmp_path) -> Path:
    file = tmp_path / "model.yaml"
    file.write_text(model.dump())
    return file


@pytest.fixture
async def identity(settings, serve, permissions, ring, tmp_path, model_file):
    await permissions.apply(
        [
            PolicyPut(2, POLICY, "live"),
            PrincipalPut("steward-1", "user", "active", 1),
            PrincipalPut("stranger-1", "user", "active", 1),
            FactPut(Fact("role", "data_steward", "member", "user", "steward-1")),
        ]
    )
    async with an_erp(tmp_path) as (erp, doors):
        wanted = {"matching_model": model_file, "connectors_file": doors}
        async with serve(build(settings.model_copy(update=wanted))) as served:
            steward = await served.channel("steward-1")
            stranger = CrosswalkServiceStub(await served.channel("stranger-1"))
            crosswalk, freshness = CrosswalkServiceStub(steward), FreshnessServiceStub(steward)
            yield Running(served.bus, crosswalk, freshness, stranger, erp, ring.seal)


async def test_systems_are_in_step_within_a_second(identity: Running) -> None:
    crm = {"name": "张伟", "phone": PHONE, "company": COMPANY, "uscc": USCC}
    await identity.tells("crm", "C-1", crm)
    golden_id = await identity.golden_id("crm", "C-1")
    assert await identity.golden_id("kingdee", "K-1") == golden_id
    heard: list[CustomerChanged] = []

    async def hear(message: Msg) -> None:
        heard.append(CustomerChanged.FromString(message.data))

    await identity.bus.subscribe("leadchain.identity.v1.CustomerChanged.>", cb=hear)

    began_at = time.perf_counter()
    await identity.tells("crm", "C-1", {**crm, "phone": OTHER_PHONE, "爱好": "钓鱼"})
    await eventually(lambda: any("phone" in each.fields for each in heard), what="the change")
    on_the_bus_s = time.perf_counter() - began_at
    row = identity.erp.rows["K-1"]
    await eventually(lambda: row.fields["手机"] == OTHER_PHONE, what="the write-back")
    in_the_erp_s = time.perf_counter() - began_at

    print(f"seen on the bus after {on_the_bus_s:.3f} s, in the ERP after {in_the_erp_s:.3f} s")  # noqa: T201
    assert all(each.golden_id == golden_id for each in heard)
    await everything_is_answered(identity, golden_id)


async def everything_is_answered(identity: Running, golden_id: str) -> None:
    """What people ask about it, over gRPC."""
    sources = await identity.crosswalk.ListSources(
        crosswalk_pb.ListSourcesRequest(customer_id=golden_id, page_size=1)
    )
    more = await identity.crosswalk.ListSources(
        crosswalk_pb.ListSourcesRequest(
            customer_id=golden_id, page_size=1, page_token=sources.next_page_token
        )
    )
    assert [each.system for each in (*sources.sources, *more.sources)] == ["crm", "kingdee"]

    report = await identity.crosswalk.GetMappingReport(crosswalk_pb.GetMappingReportRequest())
    whole = {each.system: (each.row_count, each.mapped_count) for each in report.systems}
    assert (whole["crm"], whole["kingdee"], whole["sap"]) == ((1, 1), (1, 1), (0, 0))

    shown = await identity.crosswalk.GetFieldMap(crosswalk_pb.GetFieldMapRequest(system="kingdee"))
    balance = next(each for each in shown.fields if each.field == "应收余额")
    assert (balance.canonical, balance.kind, balance.is_writable) == (
        "credit_limit",
        "amount",
        False,
    )

    checked = await identity.crosswalk.CheckFieldMap(
        crosswalk_pb.CheckFieldMapRequest(
            document="{system: crm, version: 2, entities: {customer: {fields: {name: {to: name}}}}}"
        )
    )
    assert (checked.row_count, checked.changed_row_count) == (1, 1)

    async def is_settled() -> bool:
        request = freshness_pb.ListConflictsRequest(with_settled=True)
        listed = (await identity.freshness.ListConflicts(request)).conflicts
        return [each.state for each in listed] == [freshness_pb.WRITE_BACK_STATE_WRITTEN]

    await eventually(is_settled, what="the settled conflict")
    board = await identity.freshness.GetFreshness(freshness_pb.GetFreshnessRequest())
    facts = {each.system: each.fact_count for each in board.systems}
    assert facts["crm"] == 2
    audit = await identity.freshness.AuditSync(freshness_pb.AuditSyncRequest())
    assert list(audit.sums) == []
    replayed = await identity.freshness.ReplayFailures(
        freshness_pb.ReplayFailuresRequest(system="crm")
    )
    assert (replayed.row_count, replayed.open_failure_count) == (0, 0)
    night = await identity.freshness.ListDifferences(freshness_pb.ListDifferencesRequest())
    assert night.difference_count == 0


async def test_wrong_questions_are_refused_by_what_is_wrong(identity: Running) -> None:
    crosswalk, freshness = identity.crosswalk, identity.freshness
    wrong = [
        (crosswalk.GetFieldMap, crosswalk_pb.GetFieldMapRequest(system="nobody"), "NOT_FOUND"),
        (crosswalk.LookUpKey, crosswalk_pb.LookUpKeyRequest(system="crm", key="C-9"), "NOT_FOUND"),
        (crosswalk.LookUpKey, crosswalk_pb.LookUpKeyRequest(system="lead", key="?"), "NOT_FOUND"),
        (crosswalk.LookUpKey, crosswalk_pb.LookUpKeyRequest(system="crm"), "INVALID_ARGUMENT"),
        (crosswalk.CheckFieldMap, crosswalk_pb.CheckFieldMapRequest(document="["), "INVALID_ARGUMENT"),
        (
            crosswalk.ListSources,
            crosswalk_pb.ListSourcesRequest(customer_id="a" * 64, page_token="?"),
            "INVALID_ARGUMENT",
        ),
        (crosswalk.ListSources, crosswalk_pb.ListSourcesRequest(customer_id="a" * 64), "NOT_FOUND"),
        (freshness.RetryWriteBack, freshness_pb.RetryWriteBackRequest(write_back_id=9), "NOT_FOUND"),
        (freshness.ListConflicts, freshness_pb.ListConflictsRequest(page_token="x"), "INVALID_ARGUMENT"),
        (freshness.ListDifferences, freshness_pb.ListDifferencesRequest(night="x"), "INVALID_ARGUMENT"),
        (freshness.ListDifferences, freshness_pb.ListDifferencesRequest(page_token="x"), "INVALID_ARGUMENT"),
        (
            identity.stranger.GetMappingReport,
            crosswalk_pb.GetMappingReportRequest(),
            "PERMISSION_DENIED",
        ),
    ]  # fmt: skip

    for ask, request, code in wrong:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(request)
        assert refused.value.code().name == code, request
