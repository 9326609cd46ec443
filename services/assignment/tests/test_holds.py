"""How long somebody may hold a lead: three clocks by its level, a warning before, and permissions' word at the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from assignment.domain.clocks import Timer
from assignment.domain.holds import HoldClock, LevelCondition, Ring, hold, ring
from assignment.policies import InvalidPolicy, load_pool
from hypothesis import given
from hypothesis import strategies as st
from leadchain.assignment.v1 import pool_events_pb2 as pb
from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective
from leadchain.permissions.v1.events_pb2 import CustomerReleased
from servicekit.events import new_id

BEGAN = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PACKAGED = Path(__file__).parents[1] / "assignment" / "policies" / "pool.yaml"


async def kept(office: Any, build: Any, clock: Any, desk: Any, **lead: Any) -> Any:
    """A lead whose owner made contact in time, and did nothing that counts."""
    await office.put_reps(build.rep("ana"), build.rep("bo", cities=["广州"]))
    made = build.lead(**lead)
    await office.assign(desk, [made])
    await office.contacted(made, "ana")
    clock.forward(minutes=15)
    await office.fire(desk)
    return made


async def effective(service: Any, lead: Any, at: datetime) -> None:
    event = FollowUpBecameEffective(lead_id=str(lead.lead_id), author_id="ana")
    event.recorded_at.FromDatetime(at)
    await service.hears(event)


async def stated(office: Any) -> list[tuple[str, str, float]]:
    """What was said of holds: the event, the clock, and the days from noon to the end that it names."""
    return [
        (type(e).__name__, e.clock, (e.recycle_at.ToDatetime(tzinfo=UTC) - BEGAN) / DAY)
        for e in await office.published()
        if isinstance(e, pb.PoolWarning | pb.LeadHoldExpired)
    ]


async def ring_at(office: Any, clock: Any, desk: Any, **after: float) -> int:
    clock.now = BEGAN + timedelta(**after)
    told: int = await office.fire_holds(desk)
    return told


async def test_an_idle_owner_is_warned_a_week_before_and_their_time_is_over_after_thirty_days(
    office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk()
    lead = await kept(office, build, clock, desk)

    told = [await ring_at(office, clock, desk, days=days) for days in (22.9, 23, 24, 29.9, 30)]

    assert told == [0, 1, 0, 0, 1]
    assert await stated(office) == [
        ("PoolWarning", "default", 30),
        ("LeadHoldExpired", "default", 30),
    ]
    warning = next(e for e in await office.published() if isinstance(e, pb.PoolWarning))
    assert (warning.owner_id, warning.golden_id) == ("ana", lead.golden_id)
    assert (warning.lead_id, warning.assignment_no) == (str(lead.lead_id), 1)
    assert warning.level == "usual"


async def test_permissions_says_who_loses_the_lead_and_until_then_it_is_asked_each_day(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk()
    lead = await kept(office, build, clock, desk)
    for days in (23, 30, 30.5, 31):
        await ring_at(office, clock, desk, days=days)
    assert await office.owners() == {lead.lead_id: "ana"}

    released = CustomerReleased(event_id=new_id(), previous_owner_id="ana", reason="recycled")
    released.resource.type, released.resource.id = "lead", str(lead.lead_id)
    await service.hears(released)

    assert [name for name, *_ in await stated(office)] == [
        "PoolWarning",
        "LeadHoldExpired",
        "LeadHoldExpired",
    ]
    assert await office.owners() == {}
    assert await ring_at(office, clock, desk, days=40) == 0
    (pooled,) = [e for e in await office.published() if isinstance(e, pb.LeadPooled)]
    assert (pooled.reason, pooled.previous_owner_id) == ("recycled", "ana")


async def test_what_counts_extends_the_time_and_each_end_is_warned_of_once(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk()
    lead = await kept(office, build, clock, desk)
    await ring_at(office, clock, desk, days=23)

    await effective(service, lead, BEGAN + 24 * DAY)
    told = [await ring_at(office, clock, desk, days=days) for days in (30, 46, 47, 53, 54)]

    assert told == [0, 0, 1, 0, 1]
    assert await stated(office) == [
        ("PoolWarning", "default", 30),
        ("PoolWarning", "extension", 54),
        ("LeadHoldExpired", "extension", 54),
    ]


async def test_a_key_lead_has_days_of_its_own_and_a_maximum_whatever_is_done(
    service: Any, office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk_by(build.packaged_rules())
    spent = {"tier": "三甲", "past_spend": "50000"}
    lead = await kept(office, build, clock, desk, attributes=spent, budget=5_000_000.0)
    for days in (*range(5, 90, 5), 88, 90):
        await ring_at(office, clock, desk, days=days)
        await effective(service, lead, clock.now)

    assert await stated(office) == [
        ("PoolWarning", "default", 7),
        ("PoolWarning", "maximum", 90),
        ("LeadHoldExpired", "maximum", 90),
    ]


async def test_nobody_loses_a_lead_without_a_warning_however_late_the_clock_is(
    office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk()
    await kept(office, build, clock, desk)

    told = [await ring_at(office, clock, desk, days=days) for days in (100, 100.5, 101)]

    assert told == [1, 0, 1]
    assert await stated(office) == [
        ("PoolWarning", "default", 101),
        ("LeadHoldExpired", "default", 30),
    ]


days = st.floats(0, 400, allow_nan=False)


@given(effective_after=st.none() | days, now_after=days, set_to=days)
def test_an_end_is_reached_only_by_a_clock_that_was_set_to_it(
    effective_after: float | None, now_after: float, set_to: float
) -> None:
    level = load_pool().levels[-1]
    done_at = None if effective_after is None else BEGAN + effective_after * DAY
    held = hold(level, since=BEGAN, effective_at=done_at)
    now = BEGAN + now_after * DAY
    timer = Timer(new_id(), 1, BEGAN, BEGAN + set_to * DAY)  # type: ignore[arg-type]

    what, next_at = ring(timer, held, now=now)

    assert BEGAN + level.default <= held.recycle_at <= BEGAN + level.maximum
    assert (held.clock is HoldClock.MAXIMUM) == (held.recycle_at == BEGAN + level.maximum)
    assert (what is Ring.EXPIRED) == (now >= held.warn_at and timer.due_at >= held.recycle_at)
    assert next_at > now


def test_the_first_level_that_a_lead_fits_is_its_own(build: Any) -> None:
    condition = LevelCondition(
        min_score=10,
        channels=frozenset({"website_form"}),
        industries=frozenset({"教育"}),
        source_kinds=frozenset({"sem"}),
        attributes={"tier": frozenset({"三甲"})},
    )
    lead = build.lead(attributes={"tier": "三甲"})

    assert condition.holds(lead, 10)
    assert not condition.holds(lead, 9.9)
    assert not condition.holds(build.lead(), 10)
    assert not condition.holds(build.lead(attributes={"tier": "三甲"}, industry="医疗"), 10)
    assert load_pool().level_of(lead, 74).level_id == "usual"


@pytest.mark.parametrize(
    ("found", "instead", "line", "reason"),
    [
        ("cool_down_days: 7", "cool_down: 7", 5, "cool_down"),
        ("    when: {min_score: 75}\n", "", 14, "every other one has a condition"),
        ("  - id: usual", "  - id: key", 20, "twice"),
        ("warn_days: 2", "warn_days: 7", 19, "before their days begin"),
        ("maximum_days: 180", "maximum_days: 20", 23, "less than the default"),
        ("{min_score: 75}", "{scores: 75}", 15, "scores"),
        ("claims_per_day: 20", "claims_per_day: many", 6, "many"),
    ],
    ids=["typo", "no condition", "twice", "warning", "maximum", "unknown field", "no number"],
)
def test_a_policy_with_a_fault_is_refused_with_its_line(
    tmp_path: Path, found: str, instead: str, line: int, reason: str
) -> None:
    file = tmp_path / "pool.yaml"
    text = PACKAGED.read_text("utf-8")
    assert found in text
    file.write_text(text.replace(found, instead, 1), "utf-8")

    with pytest.raises(InvalidPolicy) as refused:
        load_pool(file)

    assert reason in str(refused.value)
    assert f"pool.yaml:{line}" in str(refused.value)


async def test_leads_owned_before_there_were_holds_have_their_clocks_set_when_they_ring(
    office: Any, build: Any, clock: Any
) -> None:
    desk = build.desk()
    await kept(office, build, clock, desk)
    await office.rows("update timers set due_at = $1 where kind = 'hold' returning 1", clock.now)

    assert await office.fire_holds(desk) == 0

    assert await office.rows("select due_at from timers where kind = 'hold'") == [
        (BEGAN + 23 * DAY,)
    ]
