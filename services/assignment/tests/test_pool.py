"""The public pool: in by permissions' release, out by one claim of many, within limits."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.facts import Fact
from accesskit.testing.stand_in import EVERYTHING, StandIn
from assignment import commands, queries
from assignment.domain.decisions import Cause, Outcome
from assignment.domain.leads import Pooled, RepId
from assignment.domain.pool import (
    AskedAgain,
    CoolingDown,
    MayNotClaim,
    NoRoom,
    NotInPool,
    TooManyClaims,
)
from leadchain.assignment.v1 import events_pb2 as pb
from leadchain.assignment.v1 import pool_events_pb2 as pool_pb
from leadchain.assignment.v1 import pool_service_pb2 as rpc_pb
from leadchain.permissions.v1.events_pb2 import CustomerReleased
from servicekit.errors import Conflict, InvalidMessage
from servicekit.events import new_id
from servicekit.testing.waiting import eventually

CUSTOMER = "c" * 64
BOOK = "select item_id, state from book"
POOLED = 7


def released(lead: Any, owner: str, *, kind: str = "lead") -> CustomerReleased:
    event = CustomerReleased(event_id=new_id(), previous_owner_id=owner, reason="lapsed")
    event.occurred_at.GetCurrentTime()
    event.resource.type, event.resource.id = kind, str(lead.lead_id)
    return event


async def claim(office: Any, desk: commands.Desk, lead: Any, rep_id: str) -> int:
    async with office.database.unit_of_work() as uow:
        claimed = await commands.claim_lead(uow, desk, lead.lead_id, RepId(rep_id))
    left: int = claimed.left_today
    return left


async def pooled(service: Any, office: Any, build: Any, *reps: Any, **lead: Any) -> Any:
    """A lead that ana had, and that permissions released from her; the others come later."""
    await office.put_reps(build.rep("ana"))
    made = build.lead(**lead)
    await office.assign(build.desk(), [made])
    await office.put_reps(*reps)
    await service.hears(released(made, "ana"))
    return made


async def test_what_an_owner_loses_lies_in_the_pool_and_concerns_no_clock(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    lead = await pooled(service, office, build)

    assert await office.owners() == {}
    assert await office.loads() == {"ana": 0}
    assert dict(await office.rows(BOOK)) == {lead.lead_id: POOLED}
    assert await office.rows("select kind from timers where fired_at is null") == []
    (stated,) = [e for e in await office.published() if isinstance(e, pool_pb.LeadPooled)]
    assert (stated.previous_owner_id, stated.reason) == ("ana", "lapsed")
    ((listed, _),) = await queries.list_pool(office.database, build.desk(), 10)
    assert listed.standing == Pooled(clock.now, RepId("ana"), 1)
    last = (await queries.explain_assignment(office.database, lead.lead_id))[-1].decision
    assert (last.outcome, last.cause) == (Outcome.POOLED, Cause.RELEASED)


@pytest.mark.parametrize(("owner", "kind"), [("bo", "lead"), ("ana", "customer")])
async def test_a_release_from_somebody_else_or_of_something_else_changes_nothing(
    service: Any, office: Any, build: Any, owner: str, kind: str
) -> None:
    await office.put_reps(build.rep("ana"))
    lead = build.lead()
    await office.assign(build.desk(), [lead])

    await service.hears(released(lead, owner, kind=kind))

    assert await office.owners() == {lead.lead_id: "ana"}


async def test_of_many_claimers_at_once_one_has_the_lead(
    service: Any, office: Any, build: Any
) -> None:
    reps = [build.rep(f"rep-{number:03}", cities=["广州"]) for number in range(100)]
    lead = await pooled(service, office, build, *reps)
    desk = build.desk()

    async def won(number: int) -> str | None:
        rep_id = f"rep-{number % 100:03}"
        try:
            await claim(office, desk, lead, rep_id)
        except NotInPool:
            return None
        return rep_id

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        claiming = [group.create_task(won(number)) for number in range(1000)]

    winners = [rep_id for task in claiming if (rep_id := task.result()) is not None]
    assert len(winners) == 1
    assert await office.owners() == {lead.lead_id: winners[0]}
    assert (await office.loads())[winners[0]] == 1
    assert sum(isinstance(e, pool_pb.LeadClaimed) for e in await office.published()) == 1


async def test_a_claimed_lead_is_as_good_as_new_and_its_clock_runs(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    lead = await pooled(service, office, build, build.rep("bo", cities=["广州"]))
    desk = build.desk()
    clock.forward(days=1)

    left = await claim(office, desk, lead, "bo")

    *_, claimed, assigned = await office.published()
    assert (left, claimed.rep_id, claimed.previous_owner_id) == (19, "bo", "ana")
    assert (assigned.assignee_id, assigned.cause) == ("bo", pb.ASSIGNMENT_CAUSE_CLAIMED)
    assert (assigned.assignment_no, assigned.previous_assignee_id) == (2, "ana")
    clock.forward(minutes=15)
    assert await office.fire(desk) == 1
    decided = (await queries.explain_assignment(office.database, lead.lead_id))[2]
    assert decided.decision.cause is Cause.CLAIMED
    assert "bo" not in {refusal.rep_id for refusal in decided.refusals}


async def test_who_lost_a_lead_waits_a_week_before_taking_it_back(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    lead = await pooled(service, office, build)
    desk = build.desk()
    clock.forward(days=6, hours=23)
    with pytest.raises(CoolingDown):
        await claim(office, desk, lead, "ana")

    clock.forward(hours=1)

    assert await claim(office, desk, lead, "ana") == 19


@pytest.mark.parametrize(
    ("rep", "reason"),
    [({"capacity": 1}, NoRoom), ({"active": False}, MayNotClaim), (None, MayNotClaim)],
    ids=["full", "left", "unknown"],
)
async def test_nobody_claims_without_room_or_a_place_on_the_roster(
    service: Any, office: Any, build: Any, rep: dict[str, Any] | None, reason: type[Exception]
) -> None:
    reps = [] if rep is None else [build.rep("bo", cities=["广州"], **rep)]
    lead = await pooled(service, office, build, *reps)
    await office.assign(build.desk(), [build.lead(city="广州")])

    with pytest.raises(reason):
        await claim(office, build.desk(), lead, "bo")

    assert lead.lead_id not in await office.owners()


async def test_nobody_claims_more_than_twenty_leads_on_one_day(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"))
    desk, leads = build.desk(), [build.lead() for _ in range(21)]
    await office.assign(desk, leads)
    await office.put_reps(build.rep("bo"))
    for lead in leads:
        await service.hears(released(lead, "ana"))

    left = [await claim(office, desk, lead, "bo") for lead in leads[:20]]

    assert left == list(range(19, -1, -1))
    with pytest.raises(TooManyClaims):
        await claim(office, desk, leads[20], "bo")
    clock.forward(hours=24)
    assert await claim(office, desk, leads[20], "bo") == 19


async def test_a_customer_who_asks_again_is_routed_anew_and_not_to_who_lost_them(
    service: Any, office: Any, build: Any
) -> None:
    lead = await pooled(service, office, build, build.rep("bo"), golden_id=CUSTOMER)
    desk = build.desk()
    await office.put_reps(build.rep("aaron"))
    again = build.lead(golden_id=CUSTOMER)

    await office.assign(desk, [again])

    assert await office.owners() == {again.lead_id: "aaron"}
    with pytest.raises(AskedAgain):
        await claim(office, desk, lead, "bo")


async def test_a_lead_that_is_not_in_the_pool_cannot_be_claimed(office: Any, build: Any) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    lead = build.lead()
    await office.assign(build.desk(), [lead])

    with pytest.raises(NotInPool) as refused:
        await claim(office, build.desk(), lead, "bo")

    assert isinstance(refused.value, Conflict)


async def test_a_release_without_a_lead_is_invalid(service: Any) -> None:
    event = CustomerReleased(previous_owner_id="ana")
    event.resource.type, event.resource.id = "lead", "x"

    with pytest.raises(InvalidMessage):
        await service.hears(event)


async def test_the_running_service_lets_those_claim_whom_permissions_lets(
    assignment: Any, build: Any, office: Any, permissions: StandIn
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo", cities=["广州"]))
    lead = build.lead()
    await office.assign(build.desk(), [lead])
    await assignment.state(released(lead, "ana"), str(lead.lead_id))
    request = rpc_pb.ClaimLeadRequest(lead_id=str(lead.lead_id), rep_id="bo")
    refusals: list[grpc.StatusCode] = []

    async def listed() -> bool:
        answer = await assignment.pool.ListPool(rpc_pb.ListPoolRequest(), timeout=10)
        return [entry.lead_id for entry in answer.leads] == [str(lead.lead_id)]

    async def claimed() -> Any:
        try:
            return await assignment.pool.ClaimLead(request, timeout=10)
        except grpc.aio.AioRpcError as refused:
            refusals.append(refused.code())
            return None

    await eventually(listed, what="the lead in the pool")
    assert await claimed() is None
    policy = EVERYTHING.replace("contact, operate", "contact, claim, operate")
    member = Fact("role", "colleague", "member", "user", "bo")
    await permissions.apply(
        [PolicyPut(2, policy, "live"), PrincipalPut("bo", "user", "active", 1), FactPut(member)]
    )
    answer = await eventually(claimed, what="what permissions knows of bo")

    assert answer.left_today == 19
    assert set(refusals) == {grpc.StatusCode.PERMISSION_DENIED}
    assert await office.owners() == {lead.lead_id: "bo"}
