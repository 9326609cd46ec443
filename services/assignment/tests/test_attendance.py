"""People come and go: shifts, presence, and leads that are taken on or given back, on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from assignment import commands, queries
from assignment.commands.duty import UnknownRep
from assignment.domain.answers import (
    ContactMade,
    NobodyElse,
    NotYours,
    TooManyDeclines,
    UnknownReason,
)
from assignment.domain.calendars import Absence, WorkingCalendar, span_of, week_of
from assignment.domain.candidates import RefusalReason
from assignment.domain.leads import RepId
from leadchain.assignment.v1 import events_pb2 as pb

if TYPE_CHECKING:
    from assignment.domain.leads import Lead

MONDAY_9 = datetime(2026, 2, 9, 1, 0, tzinfo=UTC)
OFFICE = WorkingCalendar(week=week_of([((1, 2, 3, 4, 5), span_of("09:00", "18:00"))]))


@pytest.fixture
def desk(build: Any) -> commands.Desk:
    return build.desk()  # type: ignore[no-any-return]


async def tick(office: Any, desk: commands.Desk) -> int:
    async with office.database.unit_of_work() as uow:
        return await commands.note_duty(uow, desk)


async def present(office: Any, desk: commands.Desk, rep_id: str, *, is_away: bool = False) -> None:
    async with office.database.unit_of_work() as uow:
        await commands.report_presence(uow, desk, RepId(rep_id), is_away=is_away)


async def decline(
    office: Any, desk: commands.Desk, lead: Lead, rep_id: str, reason: str = "busy"
) -> Any:
    async with office.database.unit_of_work() as uow:
        return await commands.decline_lead(uow, desk, lead.lead_id, RepId(rep_id), reason=reason)


async def test_a_lead_at_night_waits_for_the_morning_shift_and_says_so(
    office: Any, build: Any, clock: Any, desk: commands.Desk
) -> None:
    async with office.database.unit_of_work() as uow:
        await commands.put_calendars(uow, {"office": OFFICE})
    await office.put_reps(build.rep("ana", calendar="office"))
    clock.now = MONDAY_9 - timedelta(hours=6)
    lead = build.lead()
    await office.assign(desk, [lead])
    night = await tick(office, desk), await office.drain(desk)

    clock.now = MONDAY_9
    early = await office.drain(desk)
    morning = await tick(office, desk), await office.drain(desk), await tick(office, desk)

    [unassignable, assigned] = await office.published()
    [refusal] = unassignable.refusals
    assert refusal.reason == pb.REFUSAL_REASON_OFF_DUTY
    assert refusal.detail == "Mon 2026-02-09 03:00 Asia/Shanghai; works 09:00-18:00"
    assert (night, early, morning) == ((0, 0), 0, (1, 1, 0))
    assert (assigned.assignee_id, assigned.cause) == ("ana", pb.ASSIGNMENT_CAUSE_DRAINED)
    explained = await queries.explain_assignment(office.database, lead.lead_id)
    assert [(r.reason, r.detail) for r in explained[0].refusals] == [
        (RefusalReason.OFF_DUTY, refusal.detail)
    ]


async def test_who_comes_on_duty_is_level_with_the_others_and_not_given_all_that_they_missed(
    office: Any, build: Any, clock: Any, desk: commands.Desk
) -> None:
    clock.now = MONDAY_9 + timedelta(hours=4)
    await office.put_reps(
        build.rep("ana"), build.rep("bo", shifts=(build.shift("13:00", "18:00", 1, 2),))
    )
    await tick(office, desk)
    await office.assign(desk, [build.lead() for _ in range(4)])
    clock.now += timedelta(hours=5)
    await office.assign(desk, [build.lead() for _ in range(30)])

    clock.now = MONDAY_9 + timedelta(days=1, hours=5)
    desks = [desk, build.desk()]
    await asyncio.gather(*(tick(office, each) for each in desks))
    await office.assign(desks[1], [build.lead() for _ in range(10)])

    assert await office.loads() == {"ana": 2 + 30 + 5, "bo": 2 + 5}


async def test_whose_calendar_changes_is_level_with_the_others(
    office: Any, build: Any, clock: Any, desk: commands.Desk
) -> None:
    async def put(calendar: WorkingCalendar) -> int:
        async with office.database.unit_of_work() as uow:
            return await commands.put_calendars(uow, {"team": calendar})

    clock.now = MONDAY_9 - timedelta(hours=2)
    first, again = await put(OFFICE), await put(OFFICE)
    await office.put_reps(build.rep("ana"), build.rep("bo", calendar="team"))
    await office.assign(desk, [build.lead() for _ in range(20)])

    changed = await put(WorkingCalendar())
    await tick(office, desk)
    await office.assign(desk, [build.lead() for _ in range(10)])

    assert (first, again, changed) == (1, 0, 1)
    assert await office.loads() == {"ana": 25, "bo": 5}


async def test_time_off_begins_at_its_first_moment(
    office: Any, build: Any, clock: Any, desk: commands.Desk
) -> None:
    away = Absence(clock.now, clock.now + timedelta(days=3))
    await office.put_reps(build.rep("ana", absences=(away,)), build.rep("bo"))
    lead = build.lead()

    await office.assign(desk, [lead])

    explained = (await queries.explain_assignment(office.database, lead.lead_id))[0]
    assert await office.owners() == {lead.lead_id: "bo"}
    assert [(r.rep_id, r.detail) for r in explained.refusals] == [
        ("ana", "time off at Sat 2026-02-07 20:00 Asia/Shanghai")
    ]


async def test_who_is_away_gets_nothing_and_comes_back_level(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    await office.assign(desk, [build.lead() for _ in range(2)])
    await present(office, desk, "bo", is_away=True)
    while_away = build.lead()
    await office.assign(desk, [while_away, *(build.lead() for _ in range(9))])

    await present(office, desk, "bo")
    await office.assign(desk, [build.lead() for _ in range(4)])

    assert await office.loads() == {"ana": 1 + 10 + 2, "bo": 1 + 2}
    explained = (await queries.explain_assignment(office.database, while_away.lead_id))[0]
    assert [(r.rep_id, r.detail) for r in explained.refusals] == [("bo", "away at their own word")]


async def test_a_rule_may_ask_for_somebody_who_was_seen_lately(
    office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk(build.rule(seen_within_s=600))
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    await present(office, desk, "ana")
    clock.forward(minutes=9)
    await present(office, desk, "bo")
    clock.forward(minutes=2)
    lead = build.lead()

    await office.assign(desk, [lead])

    assert await office.owners() == {lead.lead_id: "bo"}
    with pytest.raises(UnknownRep):
        await present(office, desk, "nobody")


async def test_an_owner_accepts_once_and_only_the_owner(office: Any, build: Any, desk: Any) -> None:
    await office.put_reps(build.rep("ana"))
    lead = build.lead()
    await office.assign(desk, [lead])

    async def accept(rep_id: str) -> datetime:
        async with office.database.unit_of_work() as uow:
            return await commands.accept_lead(uow, lead.lead_id, RepId(rep_id))

    first, again = await accept("ana"), await accept("ana")

    accepted = [e for e in await office.published() if isinstance(e, pb.LeadAccepted)]
    assert first == again
    assert [(e.rep_id, e.assignment_no) for e in accepted] == [("ana", 1)]
    with pytest.raises(NotYours):
        await accept("bo")


async def test_a_declined_lead_goes_to_somebody_else_until_the_days_limit(
    office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk_by(build.rules(declines_per_day=2))
    await office.put_reps(build.rep("ana"), build.rep("bo", weight=100))
    leads = [build.lead() for _ in range(4)]
    await office.assign(desk, leads)
    mine = [lead for lead in leads if (await office.owners())[lead.lead_id] == "bo"]

    done = [await decline(office, desk, lead, "bo") for lead in mine[:2]]
    with pytest.raises(TooManyDeclines, match="bo has declined 2 leads today, at most 2"):
        await decline(office, desk, mine[2], "bo")
    clock.forward(hours=12)
    tomorrow = await decline(office, desk, mine[2], "bo")

    assert [(each.assignee_id, each.left_today) for each in done] == [("ana", 1), ("ana", 0)]
    assert (tomorrow.assignee_id, tomorrow.left_today) == ("ana", 1)
    assert set((await office.owners()).values()) == {"ana"}
    assert (await office.loads())["ana"] == 4
    declined, assigned = (await office.published())[4:6]
    assert (declined.rep_id, declined.reason, declined.next_assignee_id) == ("bo", "busy", "ana")
    assert (assigned.cause, assigned.previous_assignee_id, assigned.assignment_no) == (
        pb.ASSIGNMENT_CAUSE_DECLINED,
        "bo",
        2,
    )
    explained = await queries.explain_assignment(office.database, mine[0].lead_id)
    assert explained[1].refusals[0].reason is RefusalReason.PREVIOUS_OWNER


async def test_a_lead_that_nobody_else_can_take_stays_where_it_is(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo", cities=["广州"]))
    lead, contacted = build.lead(), build.lead()
    await office.assign(desk, [lead, contacted])
    await office.contacted(contacted, "ana")
    before = len(await office.published())

    with pytest.raises(NobodyElse, match="2 reps were passed over; it stays where it is"):
        await decline(office, desk, lead, "ana")
    with pytest.raises(NotYours):
        await decline(office, desk, lead, "bo")
    with pytest.raises(UnknownReason):
        await decline(office, desk, lead, "ana", reason="dislike")
    with pytest.raises(ContactMade):
        await decline(office, desk, contacted, "ana")

    assert (await office.owners())[lead.lead_id] == "ana"
    assert len(await office.published()) == before
    assert await office.rows("select * from declines") == []


async def test_who_declines_at_the_same_time_does_not_get_past_the_limit(
    office: Any, build: Any
) -> None:
    desk = build.desk_by(build.rules(declines_per_day=3))
    await office.put_reps(build.rep("ana"), build.rep("bo", weight=1000))
    leads = [build.lead() for _ in range(9)]
    await office.assign(desk, leads)
    owners = await office.owners()

    async def try_decline(lead: Lead) -> bool:
        try:
            await decline(office, desk, lead, "bo")
        except TooManyDeclines:
            return False
        return True

    mine = [lead for lead in leads if owners[lead.lead_id] == "bo"]
    async with asyncio.timeout(30):
        done = await asyncio.gather(*(try_decline(lead) for lead in mine))

    assert (len(mine) > 3, sum(done)) == (True, 3)
    await office.loads()


async def test_a_lead_above_the_threshold_is_stated_and_drained_first(
    office: Any, build: Any
) -> None:
    desk = commands.Desk(build.packaged_rules(), build.desk().sla, build.desk().pool)
    urgent = build.lead(budget=3e6, attributes={"tier": "三甲", "past_spend": "20000"})
    leads = [build.lead(), urgent, build.lead()]
    await office.assign(desk, leads)
    await office.put_reps(build.rep("ana", capacity=1))

    drained = await office.drain(desk)

    scored = [e for e in await office.published() if isinstance(e, pb.LeadScored)]
    assert [(e.lead_id, e.score, e.threshold, e.tag) for e in scored] == [
        (str(urgent.lead_id), 76.0, 75.0, "重点客户")
    ]
    assert drained == 1
    assert await office.owners() == {urgent.lead_id: "ana"}
    explained = (await queries.explain_assignment(office.database, urgent.lead_id))[-1]
    assert explained.decision.score == 76.0
    assert explained.inputs["attributes.tier"] == "三甲"
