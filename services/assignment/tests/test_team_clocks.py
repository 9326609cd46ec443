"""Clocks run by the calendar of the owner's team, say which, and lead up to the manager in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from assignment import commands, queries
from assignment.domain.calendars import WorkingCalendar, span_of, week_of
from assignment.domain.candidates import Router
from assignment.domain.clocks import TeamClocks
from assignment.domain.decisions import Cause, Outcome
from assignment.domain.leads import RepId
from assignment.domain.reps import Roster
from hypothesis import given, settings
from hypothesis import strategies as st
from leadchain.assignment.v1 import events_pb2 as pb

WORKDAYS = range(1, 6)
OFFICE_HOURS = WorkingCalendar(
    week=week_of([(WORKDAYS, span_of("09:00", "12:00")), (WORKDAYS, span_of("13:30", "18:00"))])
)
NEVER = WorkingCalendar(week=week_of([]))
SATURDAY_EVENING = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
MONDAY_OPENING = datetime(2026, 2, 9, 1, 0, tzinfo=UTC)
TIMERS = "select kind, assignment_no, started_at, due_at, calendar, roster_version from timers"


async def put_calendars(office: Any, **calendars: WorkingCalendar) -> None:
    async with office.database.unit_of_work() as uow:
        await commands.put_calendars(uow, calendars)


async def test_a_lead_that_comes_at_the_weekend_is_due_when_the_team_has_worked_for_15_minutes(
    office: Any, build: Any, clock: Any
) -> None:
    await put_calendars(office, shenzhen=OFFICE_HOURS)
    always = (build.shift("00:00", "24:00"),)
    await office.put_reps(build.rep("ana", calendar="shenzhen", shifts=always), build.rep("bo"))
    desk = build.desk()

    await office.assign(desk, [build.lead(), build.lead()])

    due = MONDAY_OPENING + timedelta(minutes=15)
    wall = SATURDAY_EVENING + timedelta(minutes=15)
    assert sorted(await office.rows(TIMERS), key=lambda row: row[3]) == [
        ("contact", 1, clock.now, wall, "", 2),
        ("contact", 1, clock.now, due, "shenzhen", 2),
    ]
    clock.forward(minutes=15)
    assert await office.fire(desk) == 1
    clock.now = due - timedelta(milliseconds=1)
    assert await office.fire(desk) == 0
    clock.now = due
    assert await office.fire(desk) >= 1


async def test_an_assignment_states_when_its_owner_is_late_by_the_calendar_of_their_team(
    office: Any, build: Any
) -> None:
    await put_calendars(office, shenzhen=OFFICE_HOURS)
    always = (build.shift("00:00", "24:00"),)
    await office.put_reps(build.rep("ana", calendar="shenzhen", shifts=always), build.rep("bo"))

    await office.assign(build.desk(), [build.lead(), build.lead()])

    stated = {
        event.calendar: [
            due.ToDatetime(tzinfo=UTC)
            for due in (
                event.follow_up_24h_due_at,
                event.follow_up_48h_due_at,
                event.follow_up_72h_due_at,
            )
        ]
        for event in await office.published()
    }
    day = timedelta(days=1)
    assert stated[""] == [
        SATURDAY_EVENING + day,
        SATURDAY_EVENING + 2 * day,
        SATURDAY_EVENING + 3 * day,
    ]
    # A day of this team has 7.5 hours, a week 37.5.
    opening = MONDAY_OPENING
    assert stated["shenzhen"] == [
        opening + 3 * day + timedelta(hours=1.5),
        opening + 8 * day + timedelta(hours=3),
        opening + 11 * day + timedelta(hours=6),
    ]


async def test_the_next_owner_is_due_by_the_calendar_of_their_own_team(
    office: Any, build: Any, clock: Any
) -> None:
    await put_calendars(office, shenzhen=OFFICE_HOURS)
    always = (build.shift("00:00", "24:00"),)
    await office.put_reps(build.rep("ana"), build.rep("bo", calendar="shenzhen", shifts=always))
    desk = build.desk()
    await office.assign(desk, [build.lead()])
    clock.forward(minutes=15)

    await office.fire(desk)

    (assigned,) = [e for e in await office.published() if e.assignee_id == "bo"]
    due_at = assigned.contact_due_at.ToDatetime(tzinfo=UTC)
    assert due_at == MONDAY_OPENING + timedelta(minutes=15)


@given(minutes=st.integers(0, 7 * 24 * 60), within=st.integers(1, 48 * 60))
@settings(max_examples=60, deadline=None)
def test_no_clock_ends_outside_of_working_time_nor_sooner_than_the_clock_on_the_wall(
    build: Any, minutes: int, within: int
) -> None:
    now = SATURDAY_EVENING + timedelta(minutes=minutes)
    reps = [
        build.rep("ana", calendar="shenzhen"),
        build.rep("bo", calendar="gone"),
        build.rep("cai"),
    ]
    roster = Roster.of(7, reps, {"shenzhen": OFFICE_HOURS})
    clocks = TeamClocks(Router(build.rules(), roster), now=now)

    ends = {
        name: clocks.due_at(RepId(name), timedelta(minutes=within)) for name in ("ana", "bo", "cai")
    }

    assert ends["bo"] == ends["cai"] == now + timedelta(minutes=within)
    assert ends["ana"] >= ends["cai"]
    assert OFFICE_HOURS.is_on_duty(ends["ana"] - timedelta(microseconds=1))


def test_a_team_that_never_works_is_no_excuse(build: Any) -> None:
    roster = Roster.of(1, [build.rep("ana", calendar="never")], {"never": NEVER})
    clocks = TeamClocks(Router(build.rules(), roster), now=MONDAY_OPENING)

    due_at = clocks.due_at(RepId("ana"), timedelta(minutes=15))

    assert due_at == MONDAY_OPENING + timedelta(minutes=15)


async def test_when_the_hops_are_used_up_the_manager_has_the_lead_and_then_the_pool(
    office: Any, build: Any, clock: Any
) -> None:
    manager = build.rep("manager-1", cities=["广州"], manager_id="director", capacity=1)
    await office.put_reps(*(build.rep(name) for name in ("ana", "bo", "cai")), manager)
    await office.put_reps(build.rep("director", cities=["广州"]))
    lead, desk = build.lead(), build.desk(max_hops=1)
    await office.assign(desk, [lead, build.lead(city="广州", golden_id="b" * 64)])

    for _ in range(5):
        clock.forward(minutes=15)
        await office.fire(desk)

    assert lead.lead_id not in await office.owners()
    explained = await queries.explain_assignment(office.database, lead.lead_id)
    made = [(each.decision.outcome, each.decision.cause) for each in explained]
    assert made == [
        (Outcome.ASSIGNED, Cause.FIRST),
        (Outcome.ASSIGNED, Cause.CONTACT_OVERDUE),
        (Outcome.ASSIGNED, Cause.ESCALATED),
        (Outcome.POOLED, Cause.CONTACT_OVERDUE),
    ]
    overdue = [
        (event.assignee_id, event.next_assignee_id)
        for event in await office.published()
        if isinstance(event, pb.ContactOverdue) and event.lead_id == str(lead.lead_id)
    ]
    assert overdue == [("ana", "bo"), ("bo", "manager-1"), ("manager-1", "")]


async def test_where_nobody_else_can_take_it_the_manager_does_and_the_refusals_are_kept(
    office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(
        build.rep("ana"), build.rep("bo", cities=["广州"]), build.rep("manager-1", cities=["广州"])
    )
    lead, desk = build.lead(), build.desk()
    await office.assign(desk, [lead])
    clock.forward(minutes=15)

    await office.fire(desk)

    assert await office.owners() == {lead.lead_id: "manager-1"}
    assert await office.loads() == {"ana": 0, "bo": 0, "manager-1": 1}
    last = (await queries.explain_assignment(office.database, lead.lead_id))[-1]
    assert [refusal.rep_id for refusal in last.refusals] == ["ana", "bo"]
    (assigned,) = [e for e in await office.published() if e.assignee_id == "manager-1"]
    assert (assigned.cause, assigned.pool_id) == (pb.ASSIGNMENT_CAUSE_ESCALATED, "")
