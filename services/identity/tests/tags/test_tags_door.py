"""Tags over gRPC as the product's own policy lets people use them: made by few, found by whoever may read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from accesskit.changes import DevicePut, FactPut, LeasePut, PrincipalPut
from accesskit.facts import Fact
from identity.app import build
from leadchain.identity.v1 import resolution_service_pb2 as resolution
from leadchain.identity.v1 import tags_service_pb2 as pb
from leadchain.identity.v1.resolution_service_pb2_grpc import ResolutionServiceStub
from leadchain.identity.v1.tags_service_pb2_grpc import TagsServiceStub
from servicekit.events import new_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from identity.settings import Settings

ROLES = {"mia": "marketing_head", "dora": "data_steward", "ana": "salesperson"}


@pytest.fixture
async def people(permissions: Any, crm: list[Any]) -> None:
    """Somebody of each role that tags are about, under the product's own policy."""
    await permissions.apply(
        [
            *crm,
            *(PrincipalPut(name, "user", "active", 1) for name in ROLES),
            *(DevicePut(f"{name}-phone", name, "registered") for name in ROLES),
            *(FactPut(Fact("role", role, "member", "user", name)) for name, role in ROLES.items()),
        ]
    )


@pytest.fixture
async def identity(settings: Settings, serve: Any, people: None) -> AsyncIterator[Any]:
    async with serve(build(settings)) as served:
        yield served


async def tags_of(identity: Any, name: str) -> Any:
    """The service as somebody reaches it."""
    device_id = f"{name}-phone" if name in ROLES else ""
    return TagsServiceStub(await identity.channel(name, device_id=device_id))


async def a_customer(identity: Any, phone: str) -> str:
    """A customer whom the ERP told of."""
    stub = ResolutionServiceStub(await identity.channel("leadctl"))
    statement = resolution.RowStatement(
        system="kingdee", source_key=phone, fields={"phone": phone, "name": f"张{phone[-2:]}"}
    )
    statement.modified_at.GetCurrentTime()
    answer = await stub.Resolve(resolution.ResolveRequest(statement=statement))
    return str(answer.resolution.golden_id)


def a_tag(name: str = "消费力_高") -> pb.CreateTagRequest:
    return pb.CreateTagRequest(
        tag=pb.Tag(name=name, kind=pb.TAG_KIND_MANUAL, rule="月均订单 > 5 万", source="ERP 订单")
    )


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code()


async def test_a_tag_is_made_said_renamed_found_and_taken_back(identity: Any) -> None:
    marketing, steward = await tags_of(identity, "mia"), await tags_of(identity, "dora")
    one, two = [await a_customer(identity, f"+861380013800{n}") for n in (1, 2)]
    for name in ("消费力_高", "高消费"):
        await marketing.CreateTag(a_tag(name))
    for customer_id, tag in ((one, "消费力_高"), (two, "高消费")):
        await steward.TagCustomer(
            pb.TagCustomerRequest(customer_id=customer_id, tag=tag, evidence="contract C-1")
        )

    renamed = await marketing.AddSynonym(pb.AddSynonymRequest(tag="消费力_高", synonym="高消费"))
    found = await steward.FindCustomers(pb.FindCustomersRequest(all_of=["高消费"], page_size=1))
    rest = await steward.FindCustomers(
        pb.FindCustomersRequest(all_of=["高消费"], page_size=1, page_token=found.next_page_token)
    )
    [tagged] = (await steward.GetCustomerTags(pb.GetCustomerTagsRequest(customer_id=two))).tags
    await steward.UntagCustomer(pb.UntagCustomerRequest(customer_id=two, tag="消费力_高"))
    await marketing.RetireTag(pb.RetireTagRequest(tag="消费力_高"))
    listed = await marketing.ListTags(pb.ListTagsRequest(with_retired=True))

    assert renamed.renamed_count == 1
    assert {c.golden_id for c in (*found.customers, *rest.customers)} == {one, two}
    assert (tagged.tag, tagged.rule, tagged.source) == ("消费力_高", "月均订单 > 5 万", "ERP 订单")
    assert (tagged.evidence, tagged.actor) == ("contract C-1", "dora")
    assert all(tag.HasField("retired_at") for tag in listed.tags)


async def test_only_the_head_of_marketing_and_operators_make_tags(identity: Any) -> None:
    for name in ("ana", "dora"):
        call = (await tags_of(identity, name)).CreateTag(a_tag())
        assert await code_of(call) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_sales_person_finds_only_whose_leads_are_theirs(
    settings: Settings, serve: Any, permissions: Any, people: None
) -> None:
    async with serve(build(settings)) as before:
        marketing, steward = await tags_of(before, "mia"), await tags_of(before, "dora")
        mine, other = [await a_customer(before, f"+861380013800{n}") for n in (1, 2)]
        await marketing.CreateTag(a_tag())
        for customer_id in (mine, other):
            await steward.TagCustomer(
                pb.TagCustomerRequest(customer_id=customer_id, tag="消费力_高", evidence="C-1")
            )
    lead_id = new_id()
    await permissions.apply(
        [
            LeasePut("lead", lead_id, "ana", time.time(), version=1),
            FactPut(Fact("customer", mine, "asked", "lead", lead_id)),
        ]
    )

    async with serve(build(settings)) as identity:
        found = await (await tags_of(identity, "ana")).FindCustomers(
            pb.FindCustomersRequest(all_of=["消费力_高"])
        )

    assert [customer.golden_id for customer in found.customers] == [mine]


async def test_wrong_questions_are_refused(identity: Any) -> None:
    marketing, steward = await tags_of(identity, "mia"), await tags_of(identity, "dora")
    opinion = a_tag("难搞的客户")
    stranger = pb.TagCustomerRequest(customer_id="a" * 64, tag="x", evidence="y")
    token = pb.FindCustomersRequest(all_of=["x"], page_token="next")

    codes = [
        await code_of(marketing.CreateTag(opinion)),
        await code_of(marketing.CreateTag(pb.CreateTagRequest())),
        await code_of(steward.TagCustomer(stranger)),
        await code_of(steward.FindCustomers(token)),
    ]

    invalid, missing = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
    assert codes == [invalid, invalid, missing, invalid]
