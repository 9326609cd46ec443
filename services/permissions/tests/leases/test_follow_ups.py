"""The lease's clock: what keeps an owner working, what stops it, and when it ends."""

from datetime import UTC, datetime

import grpc
import pytest
from accesskit.canonical import params_hash
from accesskit.decisions import Question
from accesskit.policy import DAY_S
from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import leases_service_pb2 as pb
from permissions import subscribers
from permissions.commands import approvals, privacy
from permissions.domain.approvers import SecondFactor, Verdict
from permissions.queries.acting import Actor
from servicekit.bus import Bus
from servicekit.erasures import Erasures
from servicekit.events import new_id
from servicekit.testing.hearing import Hearing


async def test_an_owner_edits_until_the_second_at_which_thirty_days_are_over(office) -> None:
    await office.give("rep-ana", office.customer())

    office.clock.wait(days=30, seconds=-1)
    assert await office.may_edit("rep-ana", office.customer())
    office.clock.wait(seconds=1)

    assert not await office.may_edit("rep-ana", office.customer())
    assert (await office.lease(office.customer())).state == pb.LEASE_STATE_READONLY


async def test_an_effective_follow_up_restarts_the_clock_and_a_bare_one_says_what_it_lacks(
    office,
) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=29)
    bare = office.a_call(office.customer(), office.clock.now_s)
    bare.evidence.Clear()
    bare.evidence.call_s = 89
    bare.evidence.forms = 1
    stub = await office.by("engagement")

    [lacking] = (await stub.ReportTouches(pb.ReportTouchesRequest(touches=[bare]))).results
    outcomes = await office.report(office.a_call(office.customer(), office.clock.now_s))
    office.clock.wait(days=29)

    assert lacking.outcome == pb.TOUCH_OUTCOME_INEFFECTIVE
    assert lacking.lacking_count == 1
    assert "call_s>=90" in lacking.lacking
    assert outcomes == ["COUNTED"]
    assert await office.may_edit("rep-ana", office.customer())


async def test_what_engagement_finds_effective_restarts_the_clock_of_its_owners_lead(
    office,
) -> None:
    lead = changes_pb2.Entity(type="lead", id=new_id())
    await office.give("rep-ana", lead)
    office.clock.wait(days=29)
    bus = Bus("nats://127.0.0.1:1", database=office.database)
    erasures = Erasures(office.database, privacy.erase_leads, spared=[])
    subscribers.subscribe(bus, office.live, erasures)
    permissions = Hearing("permissions", office.database, bus)
    mine, strangers = (
        FollowUpBecameEffective(lead_id=lead.id, author_id=author)
        for author in ("rep-ana", "rep-bo")
    )
    mine.recorded_at.FromDatetime(datetime.fromtimestamp(office.clock.now_s - DAY_S, UTC))
    strangers.recorded_at.FromDatetime(datetime.fromtimestamp(office.clock.now_s, UTC))

    for event in (mine, strangers, mine):
        await permissions.hears(event)
    await office.live.catch_up()

    ends = (await office.lease(lead)).readonly_at.ToDatetime(UTC).timestamp()
    assert ends == mine.recorded_at.ToDatetime(UTC).timestamp() + 30 * DAY_S


async def test_a_follow_up_moves_the_clock_forward_only_and_at_most_a_minute_ahead(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=10)
    now_s = office.clock.now_s

    outcomes = [
        await office.report(office.a_call(office.customer(), now_s + 300 * DAY_S)),
        await office.report(office.a_call(office.customer(), now_s + 300 * DAY_S)),
        await office.report(office.a_call(office.customer(), now_s)),
    ]

    lease = await office.lease(office.customer())
    assert outcomes == [["COUNTED"], ["NOT_NEWER"], ["NOT_NEWER"]]
    assert lease.readonly_at.ToDatetime(UTC).timestamp() == now_s + 60 + 30 * DAY_S
    assert lease.version == 2


async def test_a_follow_up_wakes_neither_a_read_only_lease_nor_the_pool_nor_a_stranger_s(
    office,
) -> None:
    await office.give("rep-ana", office.customer("c-1"), office.customer("c-2"))
    foreign = await office.report(
        office.a_call(office.customer("c-1"), office.clock.now_s + 9, by="rep-bo")
    )
    office.clock.wait(days=30)
    readonly = await office.report(office.a_call(office.customer("c-1"), office.clock.now_s))
    office.clock.wait(days=7)
    pool = await office.report(office.a_call(office.customer("c-1"), office.clock.now_s))
    unknown = await office.report(office.a_call(office.customer("c-9"), office.clock.now_s))

    assert (foreign, readonly) == (["NOT_THE_OWNER"], ["READONLY"])
    assert (pool, unknown) == (["POOL"], ["UNKNOWN"])


async def test_a_clock_that_is_set_back_unlocks_nothing(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=30)
    await office.sweep()

    office.clock.wait(days=-5)

    assert await office.report(office.a_call(office.customer(), office.clock.now_s)) == ["READONLY"]


async def test_only_services_that_may_report_follow_ups_do(office) -> None:
    await office.give("rep-ana", office.customer())
    stub = await office.by("rep-ana")

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.ReportTouches(
            pb.ReportTouchesRequest(touches=[office.a_call(office.customer(), office.noon_s)])
        )

    assert office.refused(refusal) == (grpc.StatusCode.PERMISSION_DENIED, "report_follow_up")


async def test_a_superior_unlocks_a_read_only_customer_and_nobody_else_does(office) -> None:
    await office.give("rep-ana", office.customer())
    office.clock.wait(days=31)
    request = pb.UnlockLeaseRequest(resource=office.customer(), version=1, reason="called_back")

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await (await office.by("rep-ana")).UnlockLease(request)
    unlocked = await (await office.by("boss-deng")).UnlockLease(request)

    assert office.refused(refusal) == (grpc.StatusCode.PERMISSION_DENIED, "unlock")
    assert unlocked.lease.state == pb.LEASE_STATE_ACTIVE
    assert await office.may_edit("rep-ana", office.customer())


async def test_protection_stops_the_clock_within_its_limits(office) -> None:
    customers = [office.customer(f"c-{number}") for number in range(3)]
    await office.give("rep-ana", *customers)
    stub = await office.by("rep-ana")
    for each in customers[:2]:
        await stub.ProtectLease(pb.ProtectLeaseRequest(resource=each, version=1, days=90))

    refusals = []
    for name, version, days in (("c-2", 1, 10), ("c-0", 2, 91)):
        request = pb.ProtectLeaseRequest(resource=office.customer(name), version=version, days=days)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.ProtectLease(request)
        refusals.append(office.refused(refusal))
    office.clock.wait(days=90 + 30, seconds=-1)
    still = await office.may_edit("rep-ana", customers[0])
    office.clock.wait(seconds=1)

    assert refusals == [(grpc.StatusCode.FAILED_PRECONDITION, "protection_refused")] * 2
    assert still
    assert not await office.may_edit("rep-ana", customers[0])


async def test_an_exempt_customer_stays_until_its_exemption_ends_and_the_days_count_anew(
    office,
) -> None:
    await office.give("rep-ana", office.customer())
    stub = await office.by("engagement")
    exemption = pb.ExemptLeaseRequest(resource=office.customer(), reason="signed_contract")
    first = await stub.ExemptLease(exemption)
    again = await stub.ExemptLease(exemption)
    office.clock.wait(days=400)
    kept = await office.may_edit("rep-ana", office.customer())

    ended = await stub.EndExemption(
        pb.EndExemptionRequest(resource=office.customer(), reason="contract_ended")
    )
    office.clock.wait(days=30)

    assert first.lease.version == again.lease.version == 2
    assert not first.lease.HasField("readonly_at")
    assert kept
    assert ended.lease.state == pb.LEASE_STATE_ACTIVE
    assert not await office.may_edit("rep-ana", office.customer())


async def test_an_owner_unlocks_with_an_approval_once(office) -> None:
    lead = changes_pb2.Entity(type="lead", id="l-1")
    await office.give("rep-ana", lead)
    office.clock.wait(days=31)
    stub = await office.by("rep-ana")
    request = pb.UnlockLeaseRequest(resource=lead, version=1, reason="called_back")

    with pytest.raises(grpc.aio.AioRpcError) as unapproved:
        await stub.UnlockLease(request)
    request.approval_id = await approved_unlock(office, version=1)
    unlocked = await stub.UnlockLease(request)
    office.clock.wait(days=31)
    with pytest.raises(grpc.aio.AioRpcError) as used_up:
        await stub.UnlockLease(
            pb.UnlockLeaseRequest(
                resource=lead, version=2, approval_id=request.approval_id, reason="again"
            )
        )

    assert "approval_required" in unapproved.value.details()
    assert unlocked.lease.state == pb.LEASE_STATE_ACTIVE
    assert used_up.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await office.lease(lead)).version == 2


async def approved_unlock(office, *, version: int) -> str:
    """An approval for Ana to unlock the lead, given by Deng."""
    ana, deng = (
        Actor(name, SecondFactor(frozenset({"otp"}), office.clock.now_s), name)
        for name in ("rep-ana", "boss-deng")
    )
    question = Question(
        "rep-ana", "unlock", "lead", "l-1", params_hash=params_hash({"version": version})
    )
    await office.live.catch_up()
    shown = await approvals.request_access(
        office.database, office.live, approvals.Asked(new_id(), ana, question)
    )
    ballot = approvals.Ballot(shown.request.id, deng, "", Verdict.APPROVE)
    await approvals.vote(office.database, office.live, ballot)
    return shown.request.id
