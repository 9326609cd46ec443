"""First owners, repeated asking, waiting and draining, on a real database."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from assignment import commands, queries
from assignment.domain.candidates import RefusalReason
from assignment.domain.contact import UnknownLead
from assignment.domain.leads import Merged, RepId
from leadchain.assignment.v1 import events_pb2 as pb
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from servicekit.database import Database


async def test_a_batch_gets_owners_clocks_and_events_in_one_transaction(
    office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    leads = [build.lead() for _ in range(5)]

    await office.assign(build.desk(), leads)

    assert Counter((await office.owners()).values()) == {"ana": 3, "bo": 2}
    assert await office.loads() == {"ana": 3, "bo": 2}
    due = await office.rows("select lead_id, assignment_no, due_at, fired_at from timers")
    assert set(due) == {(x.lead_id, 1, clock.now + timedelta(minutes=15), None) for x in leads}
    events = await office.published()
    assert [event.lead_id for event in events] == [str(lead.lead_id) for lead in leads]
    first = events[0]
    assert (first.cause, first.assignment_no, first.rule_id) == (1, 1, "territory")
    assert (first.region_display, first.phone_display) == ("广东 深圳", "138****8001")
    assert first.contact_due_at.ToDatetime(tzinfo=clock.now.tzinfo) == due[0][2]


async def test_an_event_continues_the_trace_of_its_lead(office: Any, build: Any) -> None:
    await office.put_reps(build.rep("ana"))
    lead = build.lead()

    await office.assign(build.desk(), [lead])

    assert await office.rows("select key, traceparent from outbox") == [
        (str(lead.lead_id), lead.traceparent)
    ]


async def test_the_heavier_source_is_routed_first_when_only_one_place_is_free(
    office: Any, build: Any
) -> None:
    await office.put_reps(build.rep("ana", capacity=1))
    light, heavy = build.lead(source_kind="organic"), build.lead(source_kind="sem")

    await office.assign(build.desk(), [light, heavy])

    assert await office.owners() == {heavy.lead_id: "ana"}


async def test_a_lead_of_a_customer_with_an_open_lead_joins_it(office: Any, build: Any) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    first, again = build.lead(golden_id="g1"), build.lead(golden_id="g1")
    await office.assign(build.desk(), [first])
    await office.contacted(first, "ana")

    await office.assign(build.desk(), [again])

    merged = (await office.published())[-1]
    assert isinstance(merged, pb.LeadMerged)
    assert (merged.into_lead_id, merged.assignee_id) == (str(first.lead_id), "ana")
    assert await office.loads() == {"ana": 1, "bo": 0}
    explained = await queries.explain_assignment(office.database, again.lead_id)
    assert explained[0].inputs["into_lead_id"] == str(first.lead_id)


async def test_a_customer_who_asks_twice_in_one_batch_has_one_owner(
    office: Any, build: Any
) -> None:
    await office.put_reps(build.rep("ana"))
    leads = [build.lead(golden_id="g1") for _ in range(3)]

    await office.assign(build.desk(), leads)

    events = await office.published()
    assert [type(event).__name__ for event in events] == [
        "LeadAssigned",
        "LeadMerged",
        "LeadMerged",
    ]
    assert {event.assignee_id for event in events} == {"ana"}


async def test_a_lead_joins_a_waiting_lead_of_its_customer_without_an_owner(
    office: Any, build: Any
) -> None:
    first, again = build.lead(golden_id="g1"), build.lead(golden_id="g1")
    await office.assign(build.desk(), [first])

    await office.assign(build.desk(), [again])

    merged = (await office.published())[-1]
    assert (merged.into_lead_id, merged.assignee_id) == (str(first.lead_id), "")


async def test_a_lead_that_comes_again_changes_nothing(office: Any, build: Any) -> None:
    await office.put_reps(build.rep("ana"))
    lead = build.lead()

    await office.assign(build.desk(), [lead, lead])
    await office.assign(build.desk(), [lead])

    assert len(await office.published()) == 1
    assert await office.loads() == {"ana": 1}


async def test_a_batch_that_fails_leaves_nothing_and_then_happens_once(
    office: Any, build: Any, database: Database
) -> None:
    class PowerCut(Exception):  # noqa: N818 - an event of the test
        """What ends the transaction."""

    await office.put_reps(build.rep("ana"), build.rep("bo"))
    leads, desk = [build.lead() for _ in range(3)], build.desk()

    async def cut_short() -> None:
        async with database.unit_of_work() as uow:
            await commands.assign_leads(uow, desk, leads)
            raise PowerCut

    with pytest.raises(PowerCut):
        await cut_short()
    left = await office.rows(
        "select (select count(*) from leads) + (select count(*) from rotations)"
    )
    await office.assign(desk, leads)

    assert left == [(0,)]
    assert await office.loads() == {"ana": 2, "bo": 1}
    assert len(await office.published()) == 3


async def test_217_leads_wait_for_reps_without_a_city_and_are_drained_by_the_repair(
    office: Any, build: Any
) -> None:
    shenzhen = build.rule("shenzhen", when={"cities": frozenset({"深圳"})})
    desk = build.desk(shenzhen, build.rule("rest"))
    await office.put_reps(*(build.rep(f"rep-{i}", cities=[]) for i in range(4)))
    leads = [
        build.lead(received_at=build.lead().received_at + timedelta(seconds=i)) for i in range(217)
    ]

    await office.assign(desk, leads)
    stuck = await office.published()
    assert [await office.drain(desk) for _ in range(3)] == [0, 0, 0]
    await office.put_reps(*(build.rep(f"rep-{i}") for i in range(4)))
    drained = await office.drain(desk)

    assert drained == 217
    assert len(stuck) == 217
    assert {r.reason for event in stuck for r in event.refusals} == {pb.REFUSAL_REASON_CITY_MISSING}
    assert {event.refusal_count for event in stuck} == {4}
    assert stuck[0].refusals[0].detail == "city empty; rule shenzhen needs one"
    events = (await office.published())[217:]
    assert {event.cause for event in events} == {pb.ASSIGNMENT_CAUSE_DRAINED}
    assert [event.lead_id for event in events] == [str(lead.lead_id) for lead in leads]
    assert sorted((await office.loads()).values()) == [54, 54, 54, 55]
    assert await office.drain(desk) == 0


async def test_a_waiting_lead_is_not_tried_again_before_something_changes(
    office: Any, build: Any
) -> None:
    desk = build.desk()
    await office.assign(desk, [build.lead()])

    async with office.database.unit_of_work() as uow:
        quiet = await commands.drain_waiting(uow, desk)
    await office.put_reps(build.rep("ana", cities=["广州"]))
    async with office.database.unit_of_work() as uow:
        tried = await commands.drain_waiting(uow, desk)

    assert (quiet.tried_count, tried.tried_count, tried.assigned_count) == (0, 1, 0)
    assert len(await office.published()) == 1


async def test_the_same_reps_described_again_change_nothing(office: Any, build: Any) -> None:
    first = await office.put_reps(build.rep("ana"), build.rep("bo"))
    again = await office.put_reps(build.rep("ana"), build.rep("bo", capacity=5))

    assert (first, again) == (2, 1)
    loads = await queries.list_reps(office.database)
    assert [(load.rep.rep_id, load.rep.capacity) for load in loads] == [("ana", 0), ("bo", 5)]


async def test_a_rep_who_comes_back_is_not_given_all_that_they_missed(
    office: Any, build: Any
) -> None:
    desk = build.desk()
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    await office.assign(desk, [build.lead() for _ in range(2)])
    await office.put_reps(build.rep("bo", active=False))
    await office.assign(desk, [build.lead() for _ in range(20)])

    await office.put_reps(build.rep("bo"))
    await office.assign(desk, [build.lead() for _ in range(10)])

    assert await office.loads() == {"ana": 26, "bo": 6}


async def test_the_explanation_names_each_rep_and_why_not_as_it_was_then(
    office: Any, build: Any
) -> None:
    desk = build.desk()
    await office.put_reps(
        build.rep("ana", cities=["广州"]), build.rep("bo", capacity=1), build.rep("cai")
    )
    await office.assign(desk, [build.lead(), build.lead()])
    lead = build.lead()
    await office.assign(desk, [lead])
    await office.put_reps(build.rep("ana"), build.rep("bo", cities=["北京"]))

    explained = (await queries.explain_assignment(office.database, lead.lead_id))[0]

    assert explained.decision.assignee_id == "cai"
    assert [(r.rep_id, r.reason, r.detail) for r in explained.refusals] == [
        ("ana", RefusalReason.REGION_NOT_COVERED, "covers 广东 / 广州; lead is in 广东 深圳"),
        ("bo", RefusalReason.FULL, "1 of 1 leads open"),
    ]
    assert [(s.rep_id, s.share) for s in explained.standings] == [("bo", 1.0), ("cai", 1.0)]
    assert explained.inputs == {
        "source_kind": "sem",
        "source_weight": "1.5",
        "province": "广东",
        "city": "深圳",
        "region_precision": "city",
        "industry": "教育",
        "roster_version": "1",
    }


async def test_an_unknown_lead_has_no_explanation(office: Any, build: Any) -> None:
    with pytest.raises(UnknownLead):
        await queries.explain_assignment(office.database, build.lead().lead_id)


async def test_a_merged_lead_is_answered_with_the_owner_of_its_conversation(
    office: Any, build: Any
) -> None:
    await office.put_reps(build.rep("ana"))
    first, again = build.lead(golden_id="g1"), build.lead(golden_id="g1")
    await office.assign(build.desk(), [first, again])

    assignment = await queries.get_assignment(office.database, again.lead_id)

    assert assignment.standing == Merged(first.lead_id)
    assert assignment.owned is not None
    assert assignment.owned.assignee_id == RepId("ana")


async def test_two_replicas_together_give_each_rep_a_fair_share(office: Any, build: Any) -> None:
    await office.put_reps(*(build.rep(f"rep-{i}", weight=1 + i % 2) for i in range(6)))
    desks = [build.desk(), build.desk()]

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number in range(24):
            leads = [build.lead() for _ in range(15)]
            group.create_task(office.assign(desks[number % 2], leads))

    loads = await office.loads()
    assert [loads[f"rep-{i}"] for i in range(6)] == [40, 80, 40, 80, 40, 80]


async def test_two_replicas_never_open_two_leads_of_one_customer(office: Any, build: Any) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    desks = [build.desk(), build.desk()]

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number in range(20):
            leads = [build.lead(golden_id=f"g{i}") for i in range(10)]
            leads = leads if number % 2 else leads[::-1]
            group.create_task(office.assign(desks[number % 2], leads))

    states = await office.rows("select state, count(*) from book group by state order by state")
    assert states == [(4, 10), (6, 190)]


async def test_replicas_draining_together_assign_each_waiting_lead_once(
    office: Any, build: Any
) -> None:
    desks = [build.desk(), build.desk()]
    await office.assign(desks[0], [build.lead() for _ in range(300)])
    await office.put_reps(build.rep("ana"), build.rep("bo"))

    async def drained() -> bool:
        async with asyncio.TaskGroup() as group:
            for desk in desks:
                group.create_task(office.drain(desk))
        return bool(sum((await office.loads()).values()) == 300)

    await eventually(drained, what="every lead drained")
    causes = Counter(event.lead_id for event in (await office.published())[300:])
    assert (len(causes), max(causes.values())) == (300, 1)
