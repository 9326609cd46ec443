"""In which order to visit: the most stops, then the least travel, then the earliest end.

Up to `EXACT_STOPS_MAX` stops all orders are weighed (Held and Karp's dynamic program, with the orders of a set that may
still turn out best instead of one). Beyond, orders are built by inserting the nearest stop and mended by 2-opt and by
moving runs of stops. Times are seconds since any moment; the same request has the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXACT_STOPS_MAX = 10
"""Stops of which all orders are weighed."""
STOPS_MAX = 25
"""Stops of one day."""
BUILT, MENDED = 6, 3
"""Orders that are built, and the best of them that are mended; the best is kept."""
RUN_STOPS_MAX = 3
"""Stops that are moved together."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A visit of `length_s` that has to lie within one of the spans of `open`, which are in order."""

    length_s: int
    open: tuple[tuple[int, int], ...]

    def begins_at(self, arrives_at: int) -> int | None:
        """When the visit can begin for who arrives then; None when it no longer can."""
        for since, until in self.open:
            begins_at = max(arrives_at, since)
            if begins_at + self.length_s <= until:
                return begins_at
        return None


@dataclass(frozen=True, slots=True)
class Day:
    """Stops, and the seconds from each place to each; place 0 is the start, stop n is place n + 1."""

    stops: Sequence[Stop]
    travel_s: Sequence[Sequence[int]]
    begins_at: int
    ends_at: int
    returns: bool


class Route(NamedTuple):
    """An order of stops by their numbers, its travel, and when it ends: the last visit, or the way back."""

    order: tuple[int, ...]
    travel_s: int
    ends_at: int

    @property
    def rank(self) -> tuple[int, int, int, tuple[int, ...]]:
        """Less is better."""
        return -len(self.order), self.travel_s, self.ends_at, self.order


class Slot(NamedTuple):
    """One stop of a route with its times, and the way there."""

    stop: int
    place_before: int
    way_s: int
    arrives_at: int
    begins_at: int
    leaves_at: int


def best_route(day: Day) -> Route:
    """The best order of the stops that can be visited, exact for few stops (`EXACT_STOPS_MAX`)."""
    return exact_route(day) if len(day.stops) <= EXACT_STOPS_MAX else near_route(day)


def route_by(day: Day, order: Sequence[int]) -> Route | None:
    """The route of an order; None when a visit, or the day, would not end in time."""
    place, now, travel_s = 0, day.begins_at, 0
    for stop in order:
        way_s = day.travel_s[place][stop + 1]
        begins_at = day.stops[stop].begins_at(now + way_s)
        if begins_at is None:
            return None
        place, travel_s = stop + 1, travel_s + way_s
        now = begins_at + day.stops[stop].length_s
    return _ended(day, Route(tuple(order), travel_s, now))


def timetable(day: Day, route: Route) -> list[Slot]:
    """When a route of the day is where; who would find the first door closed leaves later. Raises `ValueError`."""
    slots: list[Slot] = []
    place, now = 0, day.begins_at
    for stop in route.order:
        way_s, visit = day.travel_s[place][stop + 1], day.stops[stop]
        arrives_at = now + way_s
        begins_at = visit.begins_at(arrives_at)
        if begins_at is None:
            raise ValueError("the day has no such route")
        if not slots:
            arrives_at = begins_at
        now = begins_at + visit.length_s
        slots.append(Slot(stop, place, way_s, arrives_at, begins_at, now))
        place = stop + 1
    return slots


def exact_route(day: Day) -> Route:
    """The best order of all."""
    best = Route((), 0, day.begins_at)
    fronts: dict[tuple[int, int], list[Route]] = {(0, -1): [best]}
    for visited in range(1 << len(day.stops)):
        for last in range(-1, len(day.stops)):
            front = fronts.pop((visited, last), ())
            best = min((best, *_all_ended(day, front)), key=lambda route: route.rank)
            for stop in range(len(day.stops)):
                if not visited >> stop & 1:
                    _go_on(day, front, stop, fronts.setdefault((visited | 1 << stop, stop), []))
    return best


def near_route(day: Day) -> Route:
    """A good order; how far from the best is measured where both can be had."""
    beginnings = [(), *((stop,) for stop in _farthest_first(day)[: BUILT - 1])]
    built = [_filled(day, route) for each in beginnings if (route := route_by(day, each))]
    good = sorted(set(built), key=lambda route: route.rank)[:MENDED]
    return min((_mended(day, route) for route in good), key=lambda route: route.rank)


def _go_on(day: Day, front: Sequence[Route], stop: int, reached: list[Route]) -> None:
    """Adds to `reached` the routes of `front` with one more stop, those that may still turn out best."""
    for route in front:
        place = route.order[-1] + 1 if route.order else 0
        way_s = day.travel_s[place][stop + 1]
        begins_at = day.stops[stop].begins_at(route.ends_at + way_s)
        if begins_at is None:
            continue
        ends_at, travel_s = begins_at + day.stops[stop].length_s, route.travel_s + way_s
        if any(known.travel_s <= travel_s and known.ends_at <= ends_at for known in reached):
            continue
        reached[:] = [
            known for known in reached if known.travel_s < travel_s or known.ends_at < ends_at
        ]
        reached.append(Route((*route.order, stop), travel_s, ends_at))


def _all_ended(day: Day, front: Sequence[Route]) -> Iterator[Route]:
    return (route for begun in front if (route := _ended(day, begun)) is not None)


def _ended(day: Day, route: Route) -> Route | None:
    """A route with its way back, if there is one; None when it would end too late."""
    if day.returns and route.order:
        back_s = day.travel_s[route.order[-1] + 1][0]
        route = Route(route.order, route.travel_s + back_s, route.ends_at + back_s)
    return route if route.ends_at <= day.ends_at else None


def _farthest_first(day: Day) -> list[int]:
    return sorted(range(len(day.stops)), key=lambda stop: (-day.travel_s[0][stop + 1], stop))


def _filled(day: Day, route: Route) -> Route:
    """A route with all stops inserted that it has room for, those with the least way round first."""
    while (longer := _inserted(day, route)) is not None:
        route = longer
    return route


def _inserted(day: Day, route: Route) -> Route | None:
    missing = [stop for stop in range(len(day.stops)) if stop not in route.order]
    ways = sorted(
        (_way_round_s(day, route.order, stop, place), stop, place)
        for stop in missing
        for place in range(len(route.order) + 1)
    )
    for _, stop, place in ways:
        longer = route_by(day, (*route.order[:place], stop, *route.order[place:]))
        if longer is not None:
            return longer
    return None


def _way_round_s(day: Day, order: Sequence[int], stop: int, place: int) -> int:
    """By how much a stop at a place in an order makes its travel longer."""
    before = order[place - 1] + 1 if place else 0
    way_s = day.travel_s[before][stop + 1]
    if place == len(order):
        return way_s
    after = order[place] + 1
    return way_s + day.travel_s[stop + 1][after] - day.travel_s[before][after]


def _mended(day: Day, route: Route) -> Route:
    """A route that no single change makes better; each change is better than the one before, so that it ends."""
    while (better := _better(day, route)) is not None:
        route = _filled(day, better)
    return route


def _better(day: Day, route: Route) -> Route | None:
    for order in _changes(day, route.order):
        if len(order) == len(route.order) and _travel_s(day, order) > route.travel_s:
            continue
        changed = route_by(day, order)
        if changed is not None and changed.rank[:3] < route.rank[:3]:
            return changed
    return None


def _changes(day: Day, order: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Orders one change away."""
    yield from _turned(order)
    for stops in range(1, min(RUN_STOPS_MAX, len(order) - 1) + 1):
        yield from _moved(order, stops)
    missing = [stop for stop in range(len(day.stops)) if stop not in order]
    yield from (
        (*order[:place], stop, *order[place + 1 :])
        for place in range(len(order))
        for stop in missing
    )


def _turned(order: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """A part of the order the other way round (2-opt)."""
    for since in range(len(order)):
        for until in range(since + 2, len(order) + 1):
            yield order[:since] + order[since:until][::-1] + order[until:]


def _moved(order: tuple[int, ...], stops: int) -> Iterator[tuple[int, ...]]:
    """A run of so many stops elsewhere, in either direction (or-opt)."""
    for since in range(len(order) - stops + 1):
        run, rest = order[since : since + stops], order[:since] + order[since + stops :]
        for place in range(len(rest) + 1):
            yield rest[:place] + run + rest[place:]
            yield rest[:place] + run[::-1] + rest[place:]


def _travel_s(day: Day, order: Sequence[int]) -> int:
    places = [0, *(stop + 1 for stop in order), *([0] if day.returns else [])]
    return sum(day.travel_s[one][other] for one, other in pairwise(places))
