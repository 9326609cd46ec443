"""The end of the contact fuse: after the hops and the manager, or where there is nobody, the public pool."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from assignment import commands, queries
from assignment.domain.candidates import RefusalReason
from assignment.domain.contact import NotTheOwner
from assignment.domain.decisions import Cause, Outcome
from assignment.domain.leads import Pooled, RepId
from assignment.domain.pool import CoolingDown
from leadchain.assignment.v1 import events_pb2 as pb
from leadchain.assignment.v1 import pool_events_pb2 as pool_pb

PENDING = "select kind from timers where fired_at is null"


async def claim(office: Any, desk: commands.Desk, lead: Any, rep_id: str) -> Any:
    async with office.database.unit_of_work() as uow:
        return await commands.claim_lead(uow, desk, lead.lead_id, RepId(rep_id))


async def of_kind(office: Any, kind: Any) -> list[Any]:
    return [event for event in await office.published() if isinstance(event, kind)]


async def interrupted(office: Any, desk: commands.Desk) -> None:
    """Everything that a clock does but the last: its transaction is never over."""
    async with office.database.unit_of_work() as uow:
        await commands.fire_contact_timers(uow, desk)
        raise asyncio.CancelledError


async def escalated(office: Any, build: Any, clock: Any, *leads: Any) -> Any:
    """Leads that ana and then their manager let run down to the last moment; the desk."""
    manager = build.rep("manager-1", cities=["广州"], manager_id="")
    await office.put_reps(build.rep("ana"), manager)
    desk = build.desk(max_hops=0)
    await office.assign(desk, leads)
    clock.forward(minutes=15)
    assert await office.fire(desk) == len(leads)
    assert set((await office.owners()).values()) == {"manager-1"}
    clock.forward(minutes=15)
    return desk


async def test_a_manager_who_makes_no_contact_loses_the_lead_to_the_pool(
    office: Any, build: Any, clock: Any
) -> None:
    lead = build.lead()
    desk = await escalated(office, build, clock, lead)

    fired = await office.fire(desk)

    assert (fired, await office.owners(), await office.rows(PENDING)) == (1, {}, [])
    assert await office.loads() == {"ana": 0, "manager-1": 0}
    overdue, pooled = (await office.published())[-2:]
    assert (overdue.assignee_id, overdue.next_assignee_id) == ("manager-1", "")
    assert (pooled.previous_owner_id, pooled.reason) == ("manager-1", "contact_overdue")
    assert (pooled.golden_id, pooled.assignment_no) == (lead.golden_id, 2)
    assert pooled.occurred_at.ToDatetime() == clock.now.replace(tzinfo=None)
    ((listed, _),) = await queries.list_pool(office.database, build.desk(), 10)
    assert listed.standing == Pooled(clock.now, RepId("manager-1"), 2)
    last = (await queries.explain_assignment(office.database, lead.lead_id))[-1]
    assert (last.decision.outcome, last.decision.cause) == (Outcome.POOLED, Cause.CONTACT_OVERDUE)
    assert last.inputs["hops"] == "used up"


async def test_the_manager_waits_out_the_cool_down_and_others_may_claim_at_once(
    office: Any, build: Any, clock: Any
) -> None:
    leads = [build.lead(), build.lead()]
    desk = await escalated(office, build, clock, *leads)
    await office.fire(desk)
    await office.put_reps(build.rep("bo", cities=["广州"]))

    with pytest.raises(CoolingDown):
        await claim(office, desk, leads[0], "manager-1")
    await claim(office, desk, leads[0], "bo")
    clock.forward(days=7)
    await claim(office, desk, leads[1], "manager-1")

    owners = {leads[0].lead_id: "bo", leads[1].lead_id: "manager-1"}
    assert await office.owners() == owners


@pytest.mark.parametrize("manager", ["", "nobody-known"])
async def test_after_the_hops_without_a_manager_the_lead_is_pooled_and_each_manager_was_told(
    office: Any, build: Any, clock: Any, manager: str
) -> None:
    names = ("ana", "bo", "cai", "di")
    await office.put_reps(*(build.rep(name, manager_id=manager) for name in names))
    lead, desk = build.lead(), build.desk(max_hops=2)
    await office.assign(desk, [lead])

    for _ in range(5):
        clock.forward(minutes=15)
        await office.fire(desk)

    overdue = await of_kind(office, pb.ContactOverdue)
    hops = [(event.assignee_id, event.next_assignee_id) for event in overdue]
    assert hops == [("ana", "bo"), ("bo", "cai"), ("cai", "")]
    assert {event.manager_id for event in overdue} == {manager}
    (pooled,) = await of_kind(office, pool_pb.LeadPooled)
    assert pooled.previous_owner_id == "cai"
    explained = await queries.explain_assignment(office.database, lead.lead_id)
    made = [each.decision.outcome for each in explained]
    assert made == [Outcome.ASSIGNED, Outcome.ASSIGNED, Outcome.ASSIGNED, Outcome.POOLED]
    second = {refusal.rep_id: refusal.reason for refusal in explained[2].refusals}
    assert second == dict.fromkeys(("ana", "bo"), RefusalReason.PREVIOUS_OWNER)


async def test_a_lead_nobody_else_can_take_is_pooled_with_the_reason_for_each_rep(
    office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo", cities=["广州"]))
    lead, desk = build.lead(), build.desk()
    await office.assign(desk, [lead])
    clock.forward(minutes=15)

    await office.fire(desk)

    assert await office.loads() == {"ana": 0, "bo": 0}
    last = (await queries.explain_assignment(office.database, lead.lead_id))[-1]
    reasons = {refusal.rep_id: refusal.reason for refusal in last.refusals}
    assert reasons["ana"] is RefusalReason.PREVIOUS_OWNER
    assert reasons["bo"] is RefusalReason.REGION_NOT_COVERED


async def test_room_that_the_pool_makes_lets_a_waiting_lead_in(
    office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk()
    await office.put_reps(build.rep("ana", capacity=1))
    owned, waiting = build.lead(), build.lead()
    await office.assign(desk, [owned, waiting])
    clock.forward(minutes=15)

    await office.fire(desk)
    await office.drain(desk)

    assert await office.owners() == {waiting.lead_id: "ana"}


async def test_a_manager_and_the_last_clock_cannot_both_be_first(
    office: Any, build: Any, clock: Any
) -> None:
    leads = [build.lead() for _ in range(40)]
    desk = await escalated(office, build, clock, *leads)

    async def mark(lead: Any) -> bool:
        try:
            await office.contacted(lead, "manager-1")
        except NotTheOwner:
            return False
        return True

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        marking = [group.create_task(mark(lead)) for lead in leads[:20]]
        group.create_task(office.fire(desk))
        marking += [group.create_task(mark(lead)) for lead in leads[20:]]

    contacted = {event.lead_id for event in await of_kind(office, pb.LeadContacted)}
    pooled = {event.lead_id for event in await of_kind(office, pool_pb.LeadPooled)}
    assert contacted | pooled == {str(lead.lead_id) for lead in leads}
    assert not contacted & pooled
    assert len(contacted) == sum(task.result() for task in marking)
    assert {str(lead_id) for lead_id in await office.owners()} == contacted


async def test_a_clock_that_is_interrupted_fires_anew_and_once(
    office: Any, build: Any, clock: Any
) -> None:
    lead = build.lead()
    desk = await escalated(office, build, clock, lead)
    before = len(await office.published())

    with pytest.raises(asyncio.CancelledError):
        await interrupted(office, desk)

    assert len(await office.published()) == before
    assert await office.owners() == {lead.lead_id: "manager-1"}
    clock.now += timedelta(seconds=1)
    assert [await office.fire(desk) for _ in range(2)] == [1, 0]
    assert len(await of_kind(office, pool_pb.LeadPooled)) == 1
