"""Orders of visits: the best of all for few stops, a good one for many, and never one that cannot be kept."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from engagement.domain.routing import (
    STOPS_MAX,
    Day,
    Route,
    Stop,
    best_route,
    exact_route,
    near_route,
    route_by,
    timetable,
)
from hypothesis import given, settings
from hypothesis import strategies as st

HOUR = 3600
ALWAYS = ((0, 24 * HOUR),)
DAYS_COMPARED = 40
GAP_MAX, MEAN_GAP_MAX = 0.10, 0.01
"""How much more travel an order of many stops may have than the best one: in one day, and on average."""
seconds = st.integers(min_value=0, max_value=2 * HOUR)


@st.composite
def days(draw: st.DrawFn, stops_max: int = 5) -> Day:
    count = draw(st.integers(min_value=0, max_value=stops_max))
    row = st.lists(seconds, min_size=count + 1, max_size=count + 1)
    return Day(
        [draw(stops()) for _ in range(count)],
        draw(st.lists(row, min_size=count + 1, max_size=count + 1)),
        0,
        8 * HOUR,
        returns=draw(st.booleans()),
    )


@st.composite
def stops(draw: st.DrawFn) -> Stop:
    edges = sorted(draw(st.sets(st.integers(0, 8 * HOUR), min_size=2, max_size=4)))
    spans = tuple(zip(edges[::2], edges[1::2], strict=False))
    return Stop(draw(st.integers(min_value=1, max_value=HOUR)), spans)


def town(seed: int, count: int, *, hours: str) -> Day:
    """A made-up town: ways that take longer in one direction, stops that are open always, or by turns, or briefly."""
    chance = random.Random(seed)
    points = [(chance.random() * 20, chance.random() * 20) for _ in range(count + 1)]
    travel_s = [
        [
            int(((x - u) ** 2 + (y - v) ** 2) ** 0.5 * 180 * (1 + chance.random() / 5))
            for u, v in points
        ]
        for x, y in points
    ]
    return Day(
        [_stop(chance, hours) for _ in range(count)],
        travel_s,
        0,
        9 * HOUR if count < 20 else 20 * HOUR,
        returns=chance.random() < 0.5,
    )


def _stop(chance: random.Random, hours: str) -> Stop:
    length_s = chance.choice([900, 1800, 2700])
    if hours == "always":
        return Stop(length_s, ALWAYS)
    if hours == "lunch":
        return Stop(length_s, ((0, 3 * HOUR), (5 * HOUR, 20 * HOUR)))
    opens = chance.randrange(0, 7 * HOUR)
    return Stop(length_s, ((opens, opens + length_s + chance.randrange(HOUR, 3 * HOUR)),))


def all_routes(day: Day) -> list[Route]:
    """Every route there is, the short way."""
    orders = (
        order
        for size in range(len(day.stops) + 1)
        for order in permutations(range(len(day.stops)), size)
    )
    return [route for order in orders if (route := route_by(day, order))]


@settings(max_examples=60)
@given(days())
def test_no_order_is_better_than_the_best(day: Day) -> None:
    assert exact_route(day).rank == min(route.rank for route in all_routes(day))


@settings(max_examples=40)
@given(days(stops_max=9))
def test_whatever_is_planned_can_be_kept(day: Day) -> None:
    for route in (exact_route(day), near_route(day)):
        slots = timetable(day, route)

        assert [slot.stop for slot in slots] == list(route.order)
        assert sum(slot.way_s for slot in slots) <= route.travel_s
        for slot in slots:
            stop = day.stops[slot.stop]
            assert slot.arrives_at <= slot.begins_at
            assert slot.leaves_at - slot.begins_at == stop.length_s
            assert any(
                since <= slot.begins_at and slot.leaves_at <= until for since, until in stop.open
            )
        assert route.ends_at <= day.ends_at


@pytest.mark.parametrize("hours", ["always", "lunch", "briefly"])
def test_a_good_order_has_little_more_travel_than_the_best(hours: str) -> None:
    pairs = [
        (exact_route(day), near_route(day))
        for seed in range(DAYS_COMPARED)
        for day in [town(seed, 5 + seed % 3, hours=hours)]
    ]

    fewer = [len(best.order) - len(near.order) for best, near in pairs]
    gaps = [
        near.travel_s / best.travel_s - 1
        for best, near in pairs
        if len(best.order) == len(near.order) > 0
    ]
    assert max(fewer) <= 1
    assert sum(fewer) <= DAYS_COMPARED // 10
    assert max(gaps) <= GAP_MAX
    assert sum(gaps) / len(gaps) <= MEAN_GAP_MAX


def test_the_same_day_has_the_same_plan_also_with_the_most_stops() -> None:
    first, again = (best_route(town(7, STOPS_MAX, hours="lunch")) for _ in range(2))

    assert first == again
    assert len(first.order) >= STOPS_MAX - 1


def test_a_stop_far_away_is_left_out_and_the_others_are_visited() -> None:
    far = 9 * HOUR
    travel_s = [[0, 600, far], [600, 0, far], [far, far, 0]]
    day = Day([Stop(600, ALWAYS)] * 2, travel_s, 0, 8 * HOUR, returns=True)

    assert exact_route(day) == Route((0,), 1200, 1800)
    assert near_route(day) == Route((0,), 1200, 1800)


def test_nobody_waits_at_the_first_door() -> None:
    day = Day([Stop(600, ((7200, 14400),))], [[0, 600], [600, 0]], 0, 8 * HOUR, returns=False)

    (slot,) = timetable(day, exact_route(day))

    assert (slot.arrives_at, slot.begins_at) == (7200, 7200)
