"""How a resource gets another owner: claims from the pool, hand-overs, releases."""

import asyncio

import grpc
import pytest
from accesskit.changes import FactPut, PrincipalPut
from accesskit.facts import Fact
from leadchain.permissions.v1 import leases_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import CustomerReleased
from permissions.store import principals


async def test_of_a_thousand_who_claim_at_once_one_wins(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=37)
    reps = [f"rep-{number}" for number in range(1000)]
    roles = [FactPut(Fact("role", "rep", "member", "user", rep)) for rep in reps]
    await office.state([*[PrincipalPut(rep, "user", "active", 1) for rep in reps], *roles])
    gateways = [await office.another_channel("engagement") for _ in range(8)]

    async def outcome(number: int, rep: str) -> str:
        request = pb.ClaimLeaseRequest(resource=office.customer(), version=1, actor_id=rep)
        try:
            await gateways[number % len(gateways)].ClaimLease(request)
        except grpc.aio.AioRpcError as refusal:
            return f"{refusal.code().name} {refusal.details()}"
        return rep

    outcomes = await asyncio.gather(*(outcome(*each) for each in enumerate(reps)))

    too_late = "FAILED_PRECONDITION lease_changed: the lease is at version 2"
    winners = set(outcomes) & set(reps)
    assert len(winners) == 1
    assert outcomes.count(too_late) == 999
    assert {(await office.lease(office.customer())).owner_id} == winners


async def test_a_claim_that_is_repeated_is_one_claim(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=37)

    first = await office.claim("rep-bo", office.customer(), version=1)
    again = await office.claim("rep-bo", office.customer(), version=1)

    assert first.lease.owner_id == again.lease.owner_id == "rep-bo"
    assert first.lease.version == again.lease.version == 2
    assert first.token == again.token


async def test_nothing_is_claimed_while_a_lease_runs(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=37, seconds=-1)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await office.claim("rep-bo", office.customer(), version=1)

    assert office.refused(refusal) == (grpc.StatusCode.FAILED_PRECONDITION, "not_in_pool")


@pytest.mark.parametrize("is_swept", [True, False])
async def test_who_lost_a_customer_cools_down_from_the_end_of_the_lease_swept_or_not(
    office, *, is_swept: bool
) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=40)
    if is_swept:
        await office.sweep()
    version = (await office.lease(office.customer())).version

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await office.claim("rep-ana", office.customer(), version=version)
    office.clock.wait(days=4)
    claimed = await office.claim("rep-ana", office.customer(), version=version)

    assert office.refused(refusal) == (grpc.StatusCode.FAILED_PRECONDITION, "cooling_down")
    assert claimed.lease.owner_id == "rep-ana"


async def test_nobody_claims_more_than_the_policy_s_number_in_a_day(office) -> None:
    customers = [office.customer(f"c-{number}") for number in range(5)]
    await office.give("rep-ana", *customers)
    office.clock.wait(days=37)
    for each in customers[:3]:
        await office.claim("rep-bo", each, version=1)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await office.claim("rep-bo", customers[3], version=1)
    office.clock.wait(days=1)
    later = await office.claim("rep-bo", customers[3], version=1)

    assert office.refused(refusal) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "claims_used_up")
    assert later.lease.owner_id == "rep-bo"


async def test_whoever_left_a_moment_ago_claims_nothing_and_is_handed_nothing(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=37)
    async with office.database.unit_of_work() as uow:
        gone = PrincipalPut("rep-bo", "user", "departed", 2)
        await principals.put(uow.raw, [gone], seq=1)
    boss = await office.by("boss-deng")
    wanted = pb.HandOverRequest(
        resources=[office.customer()], from_id="rep-ana", to_id="rep-bo", reason="left"
    )

    refusals = []
    for call in (office.claim("rep-bo", office.customer(), version=1), boss.HandOver(wanted)):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call
        refusals.append(office.refused(refusal))

    assert refusals == [(grpc.StatusCode.FAILED_PRECONDITION, "not_an_active_user")] * 2


async def test_a_superior_hands_over_what_is_the_owner_s_and_the_rest_stays(office) -> None:
    await office.give("rep-ana", office.customer("c-1"), office.customer("c-2"))
    await office.give("rep-bo", office.customer("c-3"))
    await office.give("rep-cai", office.customer("c-4"))
    boss = await office.by("boss-deng")

    answer = await boss.HandOver(
        pb.HandOverRequest(
            resources=[office.customer(f"c-{number}") for number in (1, 2, 3, 4, 1)],
            from_id="rep-ana",
            to_id="rep-bo",
            reason="territory_change",
        )
    )

    names = [pb.HandOverOutcome.Name(each)[len("HAND_OVER_OUTCOME_") :] for each in answer.outcomes]
    assert names == [
        "HANDED_OVER",
        "HANDED_OVER",
        "ALREADY_THEIRS",
        "NOT_THE_OWNER",
        "HANDED_OVER",
    ]
    assert (await office.lease(office.customer("c-1"))).version == 2
    assert await office.may_edit("rep-bo", office.customer("c-2"))
    assert not await office.may_edit("rep-ana", office.customer("c-2"))


async def test_who_may_not_hand_one_of_them_over_hands_over_nothing(office) -> None:
    await office.give("rep-ana", office.customer("c-1"))
    stub = await office.by("rep-bo")

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.HandOver(
            pb.HandOverRequest(
                resources=[office.customer()], from_id="rep-ana", to_id="rep-bo", reason="mine"
            )
        )

    assert office.refused(refusal) == (grpc.StatusCode.PERMISSION_DENIED, "hand_over")
    assert (await office.lease(office.customer())).owner_id == "rep-ana"


async def test_a_released_customer_is_free_for_everybody_but_its_last_owner(office) -> None:
    await office.give("rep-ana", office.customer())
    stub = await office.by("rep-ana")

    released = await stub.ReleaseLease(
        pb.ReleaseLeaseRequest(resource=office.customer(), version=1)
    )
    await office.live.catch_up()
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await office.claim("rep-ana", office.customer(), version=2)
    claimed = await office.claim("rep-bo", office.customer(), version=2)

    [event] = await office.published(CustomerReleased)
    assert released.lease.state == pb.LEASE_STATE_POOL
    assert office.refused(refusal)[1] == "cooling_down"
    assert claimed.lease.owner_id == "rep-bo"
    assert (event.previous_owner_id, event.reason) == ("rep-ana", "released")


@pytest.mark.parametrize(
    "name", ["", "a:b", "line\nbreak", "\u202eevil", "e\u0301", " padded", "x" * 201]
)
async def test_a_resource_by_a_name_that_could_be_mistaken_is_refused(office, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await office.claim("rep-ana", office.customer(name), version=0)

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_more_than_a_thousand_at_once_are_refused(office) -> None:
    stub = await office.by("engagement")
    boss = await office.by("boss-deng")
    calls = [
        stub.ReportTouches(
            pb.ReportTouchesRequest(
                touches=[office.a_call(office.customer(), office.noon_s)] * 1001
            )
        ),
        boss.HandOver(
            pb.HandOverRequest(
                resources=[office.customer()] * 1001, from_id="rep-ana", to_id="rep-bo", reason="x"
            )
        ),
    ]

    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_person_acts_for_nobody_else(office) -> None:
    await office.give("rep-ana", office.customer())
    stub = await office.by("rep-bo")

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.ReleaseLease(
            pb.ReleaseLeaseRequest(resource=office.customer(), version=1, actor_id="rep-ana")
        )

    assert office.refused(refusal) == (grpc.StatusCode.PERMISSION_DENIED, "act_for")
