"""The contact clock: stopped by the owner, or run out, and never both."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from assignment.domain.contact import NotTheOwner, UnknownLead
from leadchain.assignment.v1 import events_pb2 as pb
from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpRecorded
from servicekit.events import new_id


async def test_contact_in_time_is_stated_once_with_the_response_time(
    office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    lead = build.lead()
    await office.assign(build.desk(), [lead])
    clock.forward(seconds=90)

    first = await office.contacted(lead, "ana")
    clock.forward(minutes=20)
    again = await office.contacted(lead, "ana")
    overdue = await office.fire(build.desk())

    assert (first, overdue) == (again, 0)
    contacted = [e for e in await office.published() if isinstance(e, pb.LeadContacted)]
    assert [(e.rep_id, e.response_time_ms) for e in contacted] == [("ana", 90_000)]
    assert await office.owners() == {lead.lead_id: "ana"}


async def test_only_the_owner_can_say_that_contact_was_made(office: Any, build: Any) -> None:
    await office.put_reps(build.rep("ana"))
    owned, waiting = build.lead(), build.lead(city="三沙")
    await office.assign(build.desk(), [owned, waiting])

    with pytest.raises(NotTheOwner):
        await office.contacted(owned, "bo")
    with pytest.raises(NotTheOwner):
        await office.contacted(waiting, "ana")
    with pytest.raises(UnknownLead):
        await office.contacted(build.lead(), "ana")


async def test_the_owners_follow_up_stops_the_clock_at_its_own_time_and_a_colleagues_does_not(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"))
    lead = build.lead()
    await office.assign(build.desk(), [lead])

    def follow_up(author_id: str, **named: Any) -> FollowUpRecorded:
        event = FollowUpRecorded(lead_id=str(lead.lead_id), author_id=author_id, **named)
        event.occurred_at.FromDatetime(clock.now)
        return event

    clock.forward(seconds=60)
    made = follow_up("ana", is_contact=True)
    told = [follow_up("bo", is_contact=True), follow_up("ana"), made, made]
    stranger = FollowUpRecorded(lead_id=new_id(), author_id="ana", is_contact=True)
    clock.forward(seconds=5)
    for event in (*told, stranger):
        await service.hears(event)

    contacted = [e for e in await office.published() if isinstance(e, pb.LeadContacted)]
    assert [(e.rep_id, e.response_time_ms) for e in contacted] == [("ana", 60_000)]


async def test_a_lead_without_contact_in_15_minutes_goes_to_somebody_else_and_the_manager_is_told(
    office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana", manager_id="manager-7"), build.rep("bo"))
    lead, desk = build.lead(), build.desk()
    await office.assign(desk, [lead])
    due_at = clock.now

    clock.forward(minutes=14, seconds=59)
    early = await office.fire(desk)
    clock.forward(seconds=1)
    fired = await office.fire(desk)

    assert (early, fired, await office.fire(desk)) == (0, 1, 0)
    _, overdue, assigned = await office.published()
    assert (overdue.assignee_id, overdue.manager_id) == ("ana", "manager-7")
    assert (overdue.assignment_no, overdue.next_assignee_id) == (1, "bo")
    assert (overdue.due_at.seconds - int(due_at.timestamp())) == 900
    assert (assigned.assignee_id, assigned.previous_assignee_id) == ("bo", "ana")
    assert (assigned.assignment_no, assigned.cause) == (2, pb.ASSIGNMENT_CAUSE_CONTACT_OVERDUE)
    assert await office.loads() == {"ana": 0, "bo": 1}
    traces = await office.rows("select distinct traceparent from outbox")
    assert traces == [(lead.traceparent,)]


async def test_the_new_owner_has_a_clock_and_the_old_one_can_no_longer_mark_contact(
    office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    lead, desk = build.lead(), build.desk()
    await office.assign(desk, [lead])
    clock.forward(minutes=15)
    await office.fire(desk)
    clock.forward(minutes=5)

    with pytest.raises(NotTheOwner):
        await office.contacted(lead, "ana")
    await office.contacted(lead, "bo")

    assert (await office.published())[-1].response_time_ms == 20 * 60 * 1000


async def test_room_that_a_hop_makes_lets_a_waiting_lead_in(
    office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk()
    await office.put_reps(build.rep("ana", capacity=1))
    owned, waiting = build.lead(), build.lead()
    await office.assign(desk, [owned, waiting])
    await office.put_reps(build.rep("bo", capacity=1))
    clock.forward(minutes=15)

    await office.fire(desk)
    await office.drain(desk)

    assert await office.owners() == {owned.lead_id: "bo", waiting.lead_id: "ana"}


async def test_two_replicas_fire_each_timer_once(office: Any, build: Any, clock: Any) -> None:
    await office.put_reps(*(build.rep(f"rep-{i}") for i in range(4)))
    desks = [build.desk(), build.desk()]
    leads = [build.lead() for _ in range(1200)]
    for start in range(0, 1200, 300):
        await office.assign(desks[0], leads[start : start + 300])
    clock.forward(minutes=15)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        firing = [group.create_task(office.fire(desks[i % 2])) for i in range(8)]

    assert sum(task.result() for task in firing) == 1200
    overdue = [e for e in await office.published() if isinstance(e, pb.ContactOverdue)]
    assert len({event.lead_id for event in overdue}) == len(overdue) == 1200
    assert sum((await office.loads()).values()) == 1200


async def test_the_owner_and_the_clock_cannot_both_be_first(
    office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    desk = build.desk()
    leads = [build.lead() for _ in range(40)]
    await office.assign(desk, leads)
    owners = await office.owners()
    clock.forward(minutes=15)

    async def mark(lead: Any) -> bool:
        try:
            await office.contacted(lead, owners[lead.lead_id])
        except NotTheOwner:
            return False
        return True

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        marking = [group.create_task(mark(lead)) for lead in leads[:20]]
        group.create_task(office.fire(desk))
        marking += [group.create_task(mark(lead)) for lead in leads[20:]]

    events = await office.published()
    contacted = {e.lead_id for e in events if isinstance(e, pb.LeadContacted)}
    overdue = {e.lead_id for e in events if isinstance(e, pb.ContactOverdue)}
    assert contacted | overdue == {str(lead.lead_id) for lead in leads}
    assert not contacted & overdue
    assert len(contacted) == sum(task.result() for task in marking)
