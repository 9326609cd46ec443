"""The golden 72 hours (FU-08): a warning after 48, overdue and a review after 72, unless something counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from assignment import commands
from assignment.domain.calendars import WorkingCalendar, span_of, week_of
from assignment.policies import InvalidPolicy, load_sla
from leadchain.assignment.v1 import clock_events_pb2 as pb
from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective
from servicekit.errors import InvalidMessage

WORKDAYS = range(1, 6)
NINE_HOURS = WorkingCalendar(week=week_of([(WORKDAYS, span_of("09:00", "18:00"))]))
PENDING = "select kind, assignment_no from timers where fired_at is null and kind <> 'hold'"


def effective(lead: Any, author_id: str, at: datetime) -> FollowUpBecameEffective:
    event = FollowUpBecameEffective(lead_id=str(lead.lead_id), author_id=author_id)
    event.recorded_at.FromDatetime(at)
    return event


async def kept_by_ana(office: Any, build: Any, clock: Any, desk: Any, **rep: Any) -> Any:
    """A lead whose owner made contact in time, and did nothing that counts."""
    await office.put_reps(build.rep("ana", manager_id="manager-7", **rep))
    lead = build.lead()
    await office.assign(desk, [lead])
    await office.contacted(lead, "ana")
    clock.forward(minutes=15)
    assert await office.fire(desk) == 0
    return lead


async def stated(office: Any) -> list[Any]:
    return [
        e for e in await office.published() if e.DESCRIPTOR.file.name.endswith("clock_events.proto")
    ]


async def test_an_idle_owner_is_yellow_after_48_hours_and_must_be_reviewed_after_72(
    office: Any, build: Any, clock: Any
) -> None:
    desk, began = build.desk(), clock.now
    await kept_by_ana(office, build, clock, desk)

    clock.now = began + timedelta(hours=48)
    assert await office.fire_follow_ups(desk) == (1, 0)
    clock.now = began + timedelta(hours=72)
    assert await office.fire_follow_ups(desk) == (0, 1)
    assert await office.fire_follow_ups(desk) == (0, 0)

    yellow, overdue, review = await stated(office)
    assert isinstance(yellow, pb.FollowUpBecameYellow)
    assert isinstance(overdue, pb.FollowUpOverdue)
    for event, hours in ((yellow, 48), (overdue, 72)):
        assert (event.owner_id, event.manager_id, event.assignment_no) == ("ana", "manager-7", 1)
        assert event.assigned_at.ToDatetime(tzinfo=UTC) == began
        assert event.due_at.ToDatetime(tzinfo=UTC) == began + timedelta(hours=hours)
    assert (review.owner_id, review.manager_id) == ("ana", "manager-7")
    assert review.review_due_at.ToDatetime(tzinfo=UTC) == clock.now + timedelta(hours=24)


async def test_contact_alone_is_not_what_counts_but_an_effective_follow_up_of_the_owner_is(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    desk, began = build.desk(), clock.now
    await office.put_reps(build.rep("ana"))
    leads = [build.lead() for _ in range(3)]
    await office.assign(desk, leads)
    for lead in leads:
        await office.contacted(lead, "ana")
    clock.forward(minutes=15)
    await office.fire(desk)

    clock.now = began + timedelta(hours=47)
    await service.hears(effective(leads[0], "ana", clock.now))
    await service.hears(effective(leads[1], "bo", clock.now))
    clock.now = began + timedelta(hours=100)
    fired = [await office.fire_follow_ups(desk) for _ in range(2)]

    assert fired == [(2, 2), (0, 0)]
    late = {e.lead_id for e in await stated(office)}
    assert late == {str(lead.lead_id) for lead in leads[1:]}


async def test_whoever_does_what_counts_between_yellow_and_overdue_is_not_overdue(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    desk, began = build.desk(), clock.now
    lead = await kept_by_ana(office, build, clock, desk)
    clock.now = began + timedelta(hours=50)
    await office.fire_follow_ups(desk)

    await service.hears(effective(lead, "ana", clock.now))
    clock.now = began + timedelta(hours=72)

    assert await office.fire_follow_ups(desk) == (0, 0)


async def test_the_clock_is_the_owners_own_and_what_the_one_before_did_does_not_count(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    desk, began = build.desk(), clock.now
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    lead = build.lead()
    await office.assign(desk, [lead])
    await service.hears(effective(lead, "ana", clock.now))
    clock.forward(minutes=15)
    await office.fire(desk)
    assert await office.owners() == {lead.lead_id: "bo"}
    await office.contacted(lead, "bo")
    clock.forward(minutes=15)
    await office.fire(desk)
    assert await office.rows(PENDING) == [("yellow", 2)]

    clock.now = began + timedelta(hours=48)
    assert await office.fire_follow_ups(desk) == (0, 0)
    clock.forward(minutes=15)
    assert await office.fire_follow_ups(desk) == (1, 0)

    (yellow,) = await stated(office)
    assert (yellow.owner_id, yellow.assignment_no) == ("bo", 2)


async def test_the_hours_are_working_hours_where_the_team_has_a_calendar(
    office: Any, build: Any, clock: Any
) -> None:
    async with office.database.unit_of_work() as uow:
        await commands.put_calendars(uow, {"shenzhen": NINE_HOURS})
    clock.now = datetime(2026, 2, 9, 1, 0, tzinfo=UTC)
    desk = build.desk()
    always = (build.shift("00:00", "24:00"),)
    await kept_by_ana(office, build, clock, desk, calendar="shenzhen", shifts=always)

    due_at, calendar = (
        await office.rows("select due_at, calendar from timers where kind = 'yellow'")
    )[0]

    # Five days of nine hours, and three hours of the next: a Monday at noon in Shanghai.
    assert (due_at, calendar) == (datetime(2026, 2, 16, 4, 0, tzinfo=UTC), "shenzhen")


async def test_two_replicas_warn_once_and_a_withdrawn_lead_concerns_nobody(
    office: Any, build: Any, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"))
    desks = [build.desk(), build.desk()]
    leads = [build.lead() for _ in range(120)]
    await office.assign(desks[0], leads)
    began = clock.now
    for lead in leads[20:]:
        await office.contacted(lead, "ana")
    await office.withdraw(desks[0], *leads[:20])
    clock.forward(minutes=15)
    await office.fire(desks[0])
    clock.now = began + timedelta(hours=48)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        firing = [group.create_task(office.fire_follow_ups(desks[i % 2])) for i in range(4)]

    assert sum(task.result()[0] for task in firing) == 100
    assert len({e.lead_id for e in await stated(office)}) == 100


async def test_what_names_no_lead_is_invalid(service: Any) -> None:
    with pytest.raises(InvalidMessage):
        await service.hears(FollowUpBecameEffective(lead_id="x", author_id="ana"))


def test_the_hours_are_a_policy_and_must_come_in_order(tmp_path: Any) -> None:
    file = tmp_path / "sla.yaml"
    file.write_text("contact_within_s: 60\nmax_hops: 1\nyellow_after_s: 100\noverdue_after_s: 99\n")

    assert load_sla().overdue_after == timedelta(hours=72)
    with pytest.raises(InvalidPolicy, match=r"sla.yaml:1: .* in this order"):
        load_sla(file)
