"""GoldenRecordsService on real servers: who sees what, stewards' acts, and policies that come into force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from identity.policies.survivorship import packaged_document
from leadchain.identity.v1 import golden_records_service_pb2 as pb
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable

PHONE = "+8613800138001"
RESIDENT_ID = "11010519491231002X"
OLDEST_SYSTEM_FIRST = packaged_document().replace(
    "rules: [newest, source_order", "rules: [source_order, newest"
)


def gid(number: int) -> str:
    return f"{number:064x}"


def asked(number: int, **named: Any) -> pb.GetGoldenRecordRequest:
    return pb.GetGoldenRecordRequest(customer_id=gid(number), **named)


def texts(response: pb.GetGoldenRecordResponse) -> dict[str, str]:
    return {each.field: each.text for each in response.values}


async def refusal(call: Awaitable[Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    code: grpc.StatusCode = refused.value.code()
    return code


async def test_a_record_tells_every_value_and_why_it_stands(world: Any, door: Any) -> None:
    await world.states(1, "crm", name="示例", phone=PHONE, actor="wang")
    world.clock.passes()
    await world.states(1, "kingdee", name="示例二", actor="clerk-2")

    async with door.asked_by("salesperson-1") as service:
        found = await service.GetGoldenRecord(asked(1))
    async with door.asked_by("steward-1") as service:
        by_master_id = await service.GetGoldenRecord(
            pb.GetGoldenRecordRequest(customer_id="CID-20260207-000001")
        )

    name = next(each for each in found.values if each.field == "name")
    assert found == by_master_id
    assert (found.golden_id, found.master_id) == (gid(1), "CID-20260207-000001")
    assert (found.version, found.policy_version) == (2, 1)
    assert (name.text, name.system, name.source_key) == ("示例二", "kingdee", "key-2")
    assert (name.rule, name.actor, name.loser_count) == (
        pb.SURVIVORSHIP_RULE_NEWEST,
        "clerk-2",
        1,
    )


async def test_numbers_of_state_are_masked_for_whoever_may_not_read_them(
    world: Any, door: Any
) -> None:
    source_id = await world.states(1, "crm", resident_id=RESIDENT_ID, phone=PHONE)
    world.clock.passes()
    await world.restates(1, source_id, resident_id="110105194912310038", phone=PHONE)

    async with door.asked_by("steward-1") as service:
        found = await service.GetGoldenRecord(asked(1))
        changes = await service.ListChanges(pb.ListChangesRequest(customer_id=gid(1)))
    async with door.asked_by("identity") as service:
        seen = await service.GetGoldenRecord(asked(1))

    assert texts(found) == {"resident_id": "**38", "phone": PHONE}
    assert [each.is_masked for each in found.values] == [False, True]
    assert (changes.changes[0].old.text, changes.changes[0].new.text) == ("**2X", "**38")
    assert texts(seen)["resident_id"] == "110105194912310038"


async def test_who_may_not_read_a_customer_reads_neither_record_nor_history(
    world: Any, door: Any
) -> None:
    await world.states(1, "crm", name="示例")
    await world.states(2, "crm", name="示例")

    async with door.asked_by("salesperson-1") as service:
        codes = [
            await refusal(service.GetGoldenRecord(asked(2))),
            await refusal(service.ListChanges(pb.ListChangesRequest(customer_id=gid(2)))),
            await refusal(service.SearchChanges(pb.SearchChangesRequest())),
            await refusal(
                service.PinValue(
                    pb.PinValueRequest(customer_id=gid(1), field="name", text="x", reason="y")
                )
            ),
        ]

    assert set(codes) == {grpc.StatusCode.PERMISSION_DENIED}


async def test_a_steward_sets_a_value_takes_it_back_and_restores_an_older_one(
    world: Any, door: Any
) -> None:
    source_id = await world.states(1, "crm", credit_grade="A")
    world.clock.passes()
    await world.restates(1, source_id, credit_grade="C", actor="after-sales-3")
    earlier = world.clock.now - (world.clock.passes() - world.clock.now) / 2

    async with door.asked_by("steward-1") as service:
        changes = await service.SearchChanges(pb.SearchChangesRequest(actor="after-sales-3"))
        restored = await service.RestoreValue(
            pb.RestoreValueRequest(
                customer_id=gid(1), change_id=changes.changes[0].change_id, reason="a mistake"
            )
        )
        after = await service.GetGoldenRecord(asked(1))
        request = asked(1)
        request.as_of.FromDatetime(earlier)
        before = await service.GetGoldenRecord(request)
        released = await service.ReleasePin(
            pb.ReleasePinRequest(customer_id=gid(1), field="credit_grade")
        )
        pinned = await service.PinValue(
            pb.PinValueRequest(customer_id=gid(1), field="credit_grade", text="B", reason="seen")
        )
        codes = [
            await refusal(service.PinValue(request))
            for request in (
                pb.PinValueRequest(customer_id="x", field="name", text="x", reason="y"),
                pb.PinValueRequest(customer_id=gid(9), field="name", text="x", reason="y"),
                pb.PinValueRequest(customer_id=gid(1), field="deal_amount", text="1", reason="y"),
            )
        ]

    assert (restored.version, restored.field) == (3, "credit_grade")
    assert (texts(before), texts(after)) == ({"credit_grade": "C"}, {"credit_grade": "A"})
    assert [each.pin_reason for each in after.values] == ["a mistake"]
    assert (released.version, pinned.version) == (4, 5)
    assert codes == [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
    ]


async def test_a_policy_is_tried_out_published_and_followed(world: Any, door: Any) -> None:
    for number in (1, 2, 3):
        await world.states(number, "crm", name="示例", phone=PHONE)
        world.clock.passes()
        await world.states(number, "kingdee", name="示例二" if number < 3 else "示例")

    async with door.asked_by("governor-1") as service:
        told = [
            each
            async for each in service.PreviewSurvivorshipPolicy(
                pb.PreviewSurvivorshipPolicyRequest(document=OLDEST_SYSTEM_FIRST)
            )
        ]
        published = await service.PublishSurvivorshipPolicy(
            pb.PublishSurvivorshipPolicyRequest(
                document=OLDEST_SYSTEM_FIRST, base_version=told[-1].base_version, reason="asked"
            )
        )
        stale = await refusal(
            service.PublishSurvivorshipPolicy(
                pb.PublishSurvivorshipPolicyRequest(
                    document=OLDEST_SYSTEM_FIRST, base_version=1, reason="asked"
                )
            )
        )

        async def followed() -> bool:
            policy = await service.GetSurvivorshipPolicy(pb.GetSurvivorshipPolicyRequest())
            return bool(policy.behind_count == 0)

        await eventually(followed, what="records made anew")
        policy = await service.GetSurvivorshipPolicy(pb.GetSurvivorshipPolicyRequest())
        packaged = await service.GetSurvivorshipPolicy(pb.GetSurvivorshipPolicyRequest(version=1))
        unknown = await refusal(
            service.GetSurvivorshipPolicy(pb.GetSurvivorshipPolicyRequest(version=2**32 - 1))
        )

    assert [(each.field, each.customer_count) for each in told[-1].differences] == [("name", 2)]
    assert list(told[-1].differences[0].golden_ids) == [gid(1), gid(2)]
    assert (told[-1].checked_count, told[-1].changed_count, told[-1].is_last) == (3, 2, True)
    assert (published.version, published.behind_count) == (1000, 3)
    assert (stale, unknown) == (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND)
    assert (policy.is_in_force, packaged.is_in_force) == (True, False)
    assert policy.version.published_by == "governor-1"
    assert (await world.texts(1))["name"] == "示例"
    assert await world.changes(2) == [
        ("name", "NEW_STATEMENT", "示例", "示例二"),
        ("name", "POLICY", "示例二", "示例"),
    ]
    assert (await world.golden(3)).policy_version == 1000


async def test_what_is_no_policy_is_neither_tried_nor_published(door: Any) -> None:
    async with door.asked_by("governor-1") as service:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in service.PreviewSurvivorshipPolicy(
                pb.PreviewSurvivorshipPolicyRequest(document="version: 1")
            ):
                pass
        code = await refusal(
            service.PublishSurvivorshipPolicy(
                pb.PublishSurvivorshipPolicyRequest(document="- a", base_version=1, reason="asked")
            )
        )
    async with door.asked_by("steward-1") as service:
        forbidden = await refusal(
            service.PublishSurvivorshipPolicy(
                pb.PublishSurvivorshipPolicyRequest(
                    document=OLDEST_SYSTEM_FIRST, base_version=1, reason="asked"
                )
            )
        )

    assert refused.value.code() is code is grpc.StatusCode.INVALID_ARGUMENT
    assert "required" in (refused.value.details() or "")
    assert forbidden is grpc.StatusCode.PERMISSION_DENIED
