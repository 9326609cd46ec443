"""A rep's day of visits (智能排期助手, AS-17): how long each will take, when it can be, and which cannot be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from statistics import median
from typing import TYPE_CHECKING

from servicekit.errors import Forbidden, Invalid

from engagement.domain.follow_ups import VISIT_S_MAX
from engagement.domain.routing import (
    EXACT_STOPS_MAX,
    STOPS_MAX,
    Day,
    Stop,
    best_route,
    route_by,
    timetable,
)
from engagement.domain.tasks import leads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, time, tzinfo
    from uuid import UUID

    from engagement.domain.places import Place
    from engagement.domain.routing import Route, Slot
    from engagement.domain.tasks import ManagerOf

SPANS_MAX = 10


class NotTheirDay(Forbidden):
    """A day is planned by whose it is, or by who leads them."""

    def __init__(self) -> None:
        super().__init__("visits are planned by the rep whose they are, or by who leads them")


class UnusableRequest(Invalid):
    """A day that cannot be planned as asked; the text says what is wrong."""


class Reason(Enum):
    """Why a visit is not in the plan."""

    NOT_THEIRS = "not_theirs"
    """The lead is no open opportunity of the rep's."""
    NO_ADDRESS = "no_address"
    """Nobody has said where the customer's address is."""
    CLOSED = "closed"
    """The customer is not open on that day while the rep works."""
    TOO_LONG = "too_long"
    """The visit fits into none of the hours in which it could be."""
    TOO_FAR = "too_far"
    """Even alone the visit could not be reached, and left, in time."""
    NO_TIME = "no_time"
    """The day has no room for it beside the others."""


class LengthSource(Enum):
    """Where the length of a visit is from."""

    STATED = "stated"
    PAST_VISITS = "past_visits"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of a day by the clock on the wall."""

    since: time
    until: time


@dataclass(frozen=True, slots=True)
class VisitPolicy:
    """The rules in force; `open` are customers' hours by weekday (Monday is 0) where nobody says otherwise.

    As the crow flies, a way takes `detour` times its distance at `speed_km_h`. `arrive` is added to every way.
    """

    version: int
    length: timedelta
    visits_counted: int
    working: Hours
    open: Mapping[int, tuple[Hours, ...]]
    speed_km_h: float
    detour: float
    arrive: timedelta


@dataclass(frozen=True, slots=True)
class Wanted:
    """A visit that somebody wants; without `open` the policy's hours count, without `length_s` past visits."""

    lead_id: UUID
    open: tuple[Hours, ...] = ()
    length_s: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A day to be planned, with all that is wanted of it."""

    rep_id: str
    day: date
    start: Place
    visits: tuple[Wanted, ...]
    working: Hours | None = None
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is on record for a lead: whose it is, where its customer is, and how long the newest visits took."""

    is_theirs: bool
    where: Place | None = None
    past_s: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A visit that has a place and an hour."""

    wanted: Wanted
    where: Place
    stop: Stop
    length_source: LengthSource
    past_count: int


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A visit that is not in the plan."""

    lead_id: UUID
    reason: Reason


@dataclass(frozen=True, slots=True)
class Ways:
    """Seconds from each place to each, of which `estimated` (pairs of places) are as the crow flies.

    `fault` says why the traffic source did not answer for all; empty when it did, or when none was asked.
    """

    travel_s: Sequence[Sequence[int]]
    estimated: frozenset[tuple[int, int]]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A visit with its times."""

    candidate: Candidate
    arrives_at: datetime
    begins_at: datetime
    leaves_at: datetime
    travel_s: int
    is_travel_estimated: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned day; `travel_s` is all of it, `back_at` is None where nobody returns."""

    visits: tuple[Planned, ...]
    travel_s: int
    leaves_at: datetime | None
    back_at: datetime | None
    is_exact: bool
    ways: Ways
    unplanned: tuple[Unplanned, ...] = ()


def check_asked(asked: Asked) -> None:
    """Raises `UnusableRequest` for a day that cannot be planned."""
    lead_ids = {each.lead_id for each in asked.visits}
    if not 0 < len(asked.visits) <= STOPS_MAX:
        raise UnusableRequest(f"visits: 1 to {STOPS_MAX} are planned for a day")
    if len(lead_ids) < len(asked.visits):
        raise UnusableRequest("visits: a lead is named twice")
    for each in asked.visits:
        if not 0 <= each.length_s <= VISIT_S_MAX or len(each.open) > SPANS_MAX:
            raise UnusableRequest(
                f"visits: at most {VISIT_S_MAX} s and {SPANS_MAX} spans for each of them"
            )


def check_may_plan(caller_id: str, rep_id: str, manager_of: ManagerOf) -> None:
    """Raises `NotTheirDay` unless it is the caller's own day, or that of somebody whom the caller leads."""
    if not caller_id or (caller_id != rep_id and not leads(caller_id, rep_id, manager_of)):
        raise NotTheirDay


def length_of(wanted: Wanted, known: Known, policy: VisitPolicy) -> tuple[int, LengthSource]:
    """How many seconds a visit will take: as stated, else the median of past ones, else the policy's."""
    if wanted.length_s:
        return wanted.length_s, LengthSource.STATED
    if known.past_s:
        return round(median(known.past_s)), LengthSource.PAST_VISITS
    return round(policy.length.total_seconds()), LengthSource.POLICY


def candidate_of(
    asked: Asked, wanted: Wanted, known: Known, policy: VisitPolicy, zone: tzinfo
) -> Candidate | Unplanned:
    """A visit as far as it can be planned by itself, or why it cannot."""
    if not known.is_theirs:
        return Unplanned(wanted.lead_id, Reason.NOT_THEIRS)
    if known.where is None:
        return Unplanned(wanted.lead_id, Reason.NO_ADDRESS)
    spans = _open_spans(asked, wanted, policy, zone)
    if not spans:
        return Unplanned(wanted.lead_id, Reason.CLOSED)
    length_s, source = length_of(wanted, known, policy)
    if all(until - since < length_s for since, until in spans):
        return Unplanned(wanted.lead_id, Reason.TOO_LONG)
    return Candidate(wanted, known.where, Stop(length_s, spans), source, len(known.past_s))


def crow_ways(places: Sequence[Place], policy: VisitPolicy) -> Ways:
    """Ways as the crow flies between all places."""
    travel_s = [[crow_s(one, other, policy) for other in places] for one in places]
    pairs = {(one, other) for one in range(len(places)) for other in range(len(places))}
    return Ways(travel_s, frozenset(pair for pair in pairs if pair[0] != pair[1]))


def crow_s(one: Place, other: Place, policy: VisitPolicy) -> int:
    """Seconds of a way as the crow flies, with the time to arrive."""
    m_per_s = policy.speed_km_h / 3.6
    return round(one.distance_m(other) * policy.detour / m_per_s + policy.arrive.total_seconds())


def planned(
    asked: Asked, candidates: Sequence[Candidate], ways: Ways, policy: VisitPolicy, zone: tzinfo
) -> Plan:
    """The best plan of the candidates; `ways` are between the start (place 0) and each of them, in their order."""
    since, until = _working(asked, policy, zone)
    stops = [each.stop for each in candidates]
    day = Day(stops, ways.travel_s, since, until, asked.returns)
    route = best_route(day)
    left_out = tuple(
        Unplanned(each.wanted.lead_id, _why_not(day, number))
        for number, each in enumerate(candidates)
        if number not in route.order
    )
    return replace(_timed(day, route, candidates, ways, zone), unplanned=left_out)


def _why_not(day: Day, stop: int) -> Reason:
    return Reason.TOO_FAR if route_by(day, [stop]) is None else Reason.NO_TIME


def _working(asked: Asked, policy: VisitPolicy, zone: tzinfo) -> tuple[int, int]:
    return _span(asked.day, asked.working or policy.working, zone)


def _open_spans(
    asked: Asked, wanted: Wanted, policy: VisitPolicy, zone: tzinfo
) -> tuple[tuple[int, int], ...]:
    """When the customer is open while the rep works, in order, spans that meet joined."""
    since, until = _working(asked, policy, zone)
    hours = wanted.open or policy.open.get(asked.day.weekday(), ())
    joined: list[tuple[int, int]] = []
    for opens, closes in sorted(_span(asked.day, each, zone) for each in hours):
        begins, ends = max(opens, since), min(closes, until)
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(ends, joined[-1][1]))
        elif begins < ends:
            joined.append((begins, ends))
    return tuple(joined)


def _span(day: date, hours: Hours, zone: tzinfo) -> tuple[int, int]:
    since, until = (
        int(datetime.combine(day, each, zone).timestamp()) for each in (hours.since, hours.until)
    )
    return since, until


def _timed(
    day: Day, route: Route, candidates: Sequence[Candidate], ways: Ways, zone: tzinfo
) -> Plan:
    slots = timetable(day, route)
    leaves_at = slots[0].arrives_at - slots[0].way_s if slots else day.begins_at
    return Plan(
        visits=tuple(_planned(slot, candidates[slot.stop], ways, zone) for slot in slots),
        travel_s=route.travel_s,
        leaves_at=datetime.fromtimestamp(leaves_at, zone) if slots else None,
        back_at=datetime.fromtimestamp(route.ends_at, zone) if slots and day.returns else None,
        is_exact=len(candidates) <= EXACT_STOPS_MAX,
        ways=ways,
    )


def _planned(slot: Slot, candidate: Candidate, ways: Ways, zone: tzinfo) -> Planned:
    times = (slot.arrives_at, slot.begins_at, slot.leaves_at)
    arrives_at, begins_at, leaves_at = (datetime.fromtimestamp(at, zone) for at in times)
    is_estimated = (slot.place_before, slot.stop + 1) in ways.estimated
    return Planned(candidate, arrives_at, begins_at, leaves_at, slot.way_s, is_estimated)
