"""Days of visits: what is on record becomes a plan, and a traffic source that fails is told of."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from importlib import resources
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from engagement.clients.calls import HttpCalls
from engagement.clients.traffic import RoadTraffic
from engagement.commands.follow_ups import FollowUps
from engagement.domain.follow_ups import Box, FollowUp, Statement, Visit
from engagement.domain.places import Place, gcj02
from engagement.domain.visits import (
    Asked,
    Hours,
    LengthSource,
    NotTheirDay,
    Plan,
    Reason,
    UnusableRequest,
    Wanted,
)
from engagement.policies import PolicyFiles, load_policies
from engagement.queries.visits import PlanningRules, VisitPlanner
from leadctl.fakes.road_traffic import FakeRoadTraffic
from servicekit.documents import InvalidPolicy
from servicekit.events import new_id
from servicekit.http_host import HttpHost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from engagement.policies import Policies
    from engagement.seals import Seals
    from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
MONDAY = date(2026, 3, 2)
SATURDAY = date(2026, 3, 7)
ZONE = ZoneInfo("Asia/Shanghai")
OFFICE = Place(22.5431, 114.0579)
NORTH, EAST, WEST = Place(22.58, 114.05), Place(22.54, 114.12), Place(22.53, 113.95)
BEIJING = Place(39.9042, 116.4074)
KEY = "traffic-key"
MANAGERS = {"rep-01": "sue", "sue": "dan"}


class Planning:
    """A planner on one service, and what is on record there."""

    def __init__(self, service: Hearing, policies: Policies, seals: Seals, build: Any) -> None:
        self.service = service
        self.policies = policies
        self.follow_ups = FollowUps(policies.follow_ups, seals)
        self.build = build
        self.seals = seals
        self.rules = PlanningRules(policies.visits, lambda who: MANAGERS.get(who, ""), ZONE)
        self.planner = VisitPlanner(service.database, seals, self.rules, None)

    async def lead(self, at: Place | None = None, **named: Any) -> UUID:
        """A lead of rep-01's whose customer has an address."""
        event = self.build.assigned(**{"golden_id": new_id(), **named})
        await self.service.hears(event)
        lead_id = UUID(event.lead_id)
        if at is not None:
            async with self.service.database.unit_of_work() as uow:
                await self.follow_ups.put_point(uow, lead_id, at, by="rep-01")
        return lead_id

    async def visited(self, lead_id: UUID, at: Place, seconds: int | None) -> None:
        """A recorded visit."""
        said = Statement(Box("none"), Box("listened"), Box("call"), NOON)
        wanted = FollowUp(
            UUID(new_id()), lead_id, "rep-01", NOON, said, (), is_contact=False, policy_version=0
        )
        async with self.service.database.unit_of_work() as uow:
            await self.follow_ups.record(uow, wanted, [Visit(at, "a" * 64, seconds)])

    async def plan(self, *lead_ids: UUID, by: str = "rep-01", **named: Any) -> Plan:
        """The plan of rep-01's Monday."""
        visits = tuple(each if isinstance(each, Wanted) else Wanted(each) for each in lead_ids)
        asked = Asked(
            **{"rep_id": "rep-01", "day": MONDAY, "start": OFFICE, "visits": visits, **named}
        )
        return await self.planner.plan(asked, caller_id=by)

    def by_road(self, traffic: RoadTraffic) -> None:
        """Travel times are those of a traffic source from now on."""
        self.planner = VisitPlanner(self.service.database, self.seals, self.rules, traffic)


@pytest.fixture
def planning(service: Hearing, policies: Policies, seals: Seals, build: Any) -> Planning:
    return Planning(service, policies, seals, build)


@pytest.fixture
def roads() -> FakeRoadTraffic:
    return FakeRoadTraffic(key=KEY)


@pytest.fixture
async def calls(roads: FakeRoadTraffic) -> AsyncIterator[HttpCalls]:
    host = HttpHost("127.0.0.1", 0, roads)
    await host.start()
    opened = HttpCalls("traffic", f"http://127.0.0.1:{host.port}/", timeout_s=2.0)
    await opened.start()
    yield opened
    await opened.stop()
    await host.stop()


def order(plan: Plan) -> list[UUID]:
    return [each.candidate.wanted.lead_id for each in plan.visits]


def clock(at: datetime | None) -> str:
    assert at is not None
    return f"{at.astimezone(ZONE):%H:%M}"


async def test_a_day_is_ordered_by_its_ways_and_has_times(planning: Planning) -> None:
    near, far = await planning.lead(NORTH), await planning.lead(WEST)
    between = await planning.lead(Place(22.54, 114.0))

    plan = await planning.plan(far, near, between, returns=True)

    assert order(plan) in (
        [near, far, between],
        [near, between, far],
        [between, far, near],
        [far, between, near],
    )
    assert clock(plan.visits[0].begins_at) >= "09:00"
    assert plan.is_exact
    assert plan.back_at is not None
    assert plan.travel_s >= sum(each.travel_s for each in plan.visits)
    assert all(each.is_travel_estimated for each in plan.visits)
    assert plan == await planning.plan(near, between, far, returns=True)


async def test_a_visit_takes_as_long_as_the_customers_visits_did(planning: Planning) -> None:
    known, new = await planning.lead(NORTH, golden_id="n" * 64), await planning.lead(EAST)
    other_lead = await planning.lead(golden_id="n" * 64)
    for lead_id, seconds in ((known, 1200), (other_lead, 6000), (known, 1800), (known, None)):
        await planning.visited(lead_id, NORTH, seconds)

    plan = await planning.plan(known, new)
    stated = await planning.plan(Wanted(known, length_s=900))

    lengths = {
        each.candidate.wanted.lead_id: (each.candidate.stop.length_s, each.candidate.length_source)
        for each in plan.visits
    }
    assert lengths == {
        known: (1800, LengthSource.PAST_VISITS),
        new: (2700, LengthSource.POLICY),
    }
    assert stated.visits[0].candidate.length_source is LengthSource.STATED


async def test_visits_keep_to_opening_hours_and_nobody_waits_at_home(planning: Planning) -> None:
    evening, noon = await planning.lead(NORTH), await planning.lead(EAST)
    late = Hours(time(16, 0), time(17, 0))

    plan = await planning.plan(Wanted(evening, (late,)), Wanted(noon, (), 3600))

    assert order(plan) == [noon, evening]
    first, second = plan.visits
    assert (clock(plan.leaves_at), clock(second.begins_at)) == ("09:00", "16:00")
    assert first.arrives_at == first.begins_at
    assert second.arrives_at < second.begins_at


async def test_what_cannot_be_visited_is_named_with_the_reason(planning: Planning) -> None:
    good, unplaced = await planning.lead(NORTH), await planning.lead()
    elsewhere = await planning.lead(EAST, assignee_id="rep-02")
    far, long, shut = [await planning.lead(at) for at in (BEIJING, EAST, EAST)]
    night = Hours(time(20, 0), time(21, 0))
    unknown = UUID(new_id())

    plan = await planning.plan(
        good, unplaced, elsewhere, unknown, far, Wanted(long, (), 5 * 3600), Wanted(shut, (night,))
    )

    assert order(plan) == [good]
    assert {each.lead_id: each.reason for each in plan.unplanned} == {
        unplaced: Reason.NO_ADDRESS,
        elsewhere: Reason.NOT_THEIRS,
        unknown: Reason.NOT_THEIRS,
        far: Reason.TOO_FAR,
        long: Reason.TOO_LONG,
        shut: Reason.CLOSED,
    }
    saturday = await planning.plan(good, day=SATURDAY)
    assert [each.reason for each in saturday.unplanned] == [Reason.CLOSED]


async def test_a_day_that_is_too_short_says_who_has_no_time_left(planning: Planning) -> None:
    leads = [await planning.lead(at) for at in (NORTH, EAST, WEST)]
    working = Hours(time(9, 0), time(11, 0))

    plan = await planning.plan(*leads, working=working)

    assert len(plan.visits) == 1
    assert [each.reason for each in plan.unplanned] == [Reason.NO_TIME] * 2


async def test_a_day_is_planned_by_whose_it_is_and_by_who_leads_them(planning: Planning) -> None:
    lead_id = await planning.lead(NORTH)

    plans = [await planning.plan(lead_id, by=name) for name in ("rep-01", "sue", "dan")]

    assert plans[0] == plans[1] == plans[2]
    for name in ("rep-02", ""):
        with pytest.raises(NotTheirDay):
            await planning.plan(lead_id, by=name)


async def test_a_day_that_cannot_be_planned_is_refused(planning: Planning) -> None:
    lead_id = UUID(new_id())
    many = [UUID(new_id()) for _ in range(26)]

    for wanted in ([], [lead_id, lead_id], many, [Wanted(lead_id, length_s=86_401)]):
        with pytest.raises(UnusableRequest):
            await planning.plan(*wanted)


async def test_ways_are_those_of_the_traffic_source(
    planning: Planning, calls: HttpCalls, roads: FakeRoadTraffic
) -> None:
    planning.by_road(RoadTraffic(calls, KEY))
    leads = [await planning.lead(at) for at in (NORTH, EAST)]

    plan = await planning.plan(*leads, returns=True)

    assert (plan.ways.fault, len(plan.ways.estimated)) == ("", 0)
    assert not any(each.is_travel_estimated for each in plan.visits)
    shifted = gcj02(OFFICE)
    assert f"{shifted.longitude:.6f},{shifted.latitude:.6f}" in roads.destinations
    assert len(roads.destinations) == 3


@pytest.mark.parametrize(
    ("ill", "fault"),
    [
        ({"codes": ["10001"] * 9}, "refused_10001"),
        ({"codes": ["10044"] * 9}, "refused_10044"),
        ({"codes": ["10021"] * 9}, "throttled"),
        ({"statuses": [429] * 9}, "throttled"),
        ({"statuses": [503] * 9}, "status_503"),
        ({"statuses": [302] * 9}, "status_302"),
        ({"delay_s": 30.0}, "timeout"),
    ],
    ids=["key", "day-spent", "too-often", "http-429", "down", "moved", "slow"],
)
async def test_a_traffic_source_that_fails_is_told_of_and_the_plan_is_made(
    planning: Planning, calls: HttpCalls, roads: FakeRoadTraffic, ill: dict[str, Any], fault: str
) -> None:
    for name, value in ill.items():
        setattr(roads, name, value)
    leads = [await planning.lead(at) for at in (NORTH, EAST)]
    crow = await planning.plan(*leads)
    planning.by_road(RoadTraffic(calls, KEY, deadline_s=0.5, delays_s=(0.01, 0.01)))

    plan = await planning.plan(*leads)

    assert plan.ways.fault == fault
    assert (plan.visits, plan.travel_s) == (crow.visits, crow.travel_s)


async def test_being_asked_too_often_passes_by_itself(
    planning: Planning, calls: HttpCalls, roads: FakeRoadTraffic
) -> None:
    roads.codes = ["10021", "10019"]
    planning.by_road(RoadTraffic(calls, KEY, delays_s=(0.01, 0.01)))

    plan = await planning.plan(await planning.lead(NORTH))

    assert (plan.ways.fault, roads.refused_count) == ("", 2)


async def test_where_no_road_leads_the_way_is_estimated_and_said_so(
    planning: Planning, calls: HttpCalls, roads: FakeRoadTraffic
) -> None:
    island = gcj02(EAST)
    roads.cut_off = {f"{island.longitude:.6f},{island.latitude:.6f}"}
    planning.by_road(RoadTraffic(calls, KEY))
    near, cut_off = await planning.lead(NORTH), await planning.lead(EAST)

    plan = await planning.plan(near, cut_off)

    estimated = {each.candidate.wanted.lead_id: each.is_travel_estimated for each in plan.visits}
    assert estimated == {near: False, cut_off: True}
    assert plan.ways.fault == "no_road"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('working: ["09:00", "18:30"]', "policy.yaml:10: working: 18:30 is not before 09:00"),
        ("speed_km_h: 25", "policy.yaml:21: ways.speed_km_h"),
        ("default_min: 45", "policy.yaml:6: length"),
    ],
    ids=["hours", "speed", "unknown-field"],
)
def test_a_policy_that_cannot_be_used_is_refused_with_line_and_path(
    tmp_path: Path, text: str, fault: str
) -> None:
    wrong = {
        'working: ["09:00", "18:30"]': 'working: ["18:30", "09:00"]',
        "speed_km_h: 25": "speed_km_h: 0",
        "default_min: 45": "defaults_min: 45",
    }
    packaged = (resources.files("engagement.policies") / "visits.yaml").read_text("utf-8")
    file = tmp_path / "policy.yaml"
    file.write_text(packaged.replace(text, wrong[text]), "utf-8")

    with pytest.raises(InvalidPolicy) as refused:
        load_policies(PolicyFiles(visits=file))

    assert str(refused.value).startswith(fault)
