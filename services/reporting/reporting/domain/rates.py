"""Follow-up rates: assignments counted by what became of them, and how far that is from what is wanted.

Rates are sums over sums, never means of rates. An assignment whose time is not over is neither met nor missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from operator import add
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

DEADLINES_H = (24, 48, 72)


class Grouping(Enum):
    """By what rates are broken down."""

    NONE = 0
    REP = 1
    TEAM = 2
    CHANNEL = 3


class Tally(NamedTuple):
    """Assignments by what became of them: given = excluded + running + within_72h + late + never."""

    given: int = 0
    excluded: int = 0
    running: int = 0
    running_done: int = 0
    due_24h: int = 0
    within_24h: int = 0
    due_48h: int = 0
    within_48h: int = 0
    due_72h: int = 0
    within_72h: int = 0
    late: int = 0
    never: int = 0

    def plus(self, other: Tally) -> Tally:
        """The tally of two sets without common assignments."""
        return Tally(*map(add, self, other))


class Period(NamedTuple):
    """Moments from `since` (None: the beginning) up to `until`."""

    since: datetime | None
    until: datetime


@dataclass(frozen=True, slots=True)
class WantedRates:
    """Of which assignments rates are wanted, and what they are compared with."""

    period: Period
    before: Period | None
    grouping: Grouping


@dataclass(frozen=True, slots=True)
class WantedWeek:
    """Of which assignments deadlines are wanted: a rep's, a manager's reps', or everybody's where both are empty."""

    period: Period
    deadline_h: int
    rep_id: str
    manager_id: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class RateLine:
    """One line: a rep's, a team's, a channel's or the total; `before` is None when nothing is compared."""

    key: str
    counts: Tally
    before: Tally | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of a period; the newest fact among them is None when there is none."""

    total: RateLine
    lines: list[RateLine]
    as_of: datetime
    newest_at: datetime | None


class MissedHour(NamedTuple):
    """Deadlines that ended in one hour of the week, and how many were missed; `weekday` is 1 for Monday."""

    weekday: int
    hour: int
    due: int
    missed: int


@dataclass(frozen=True, slots=True)
class MissedWeek:
    """The heat map of deadlines after so many hours; hours are those of `time_zone`."""

    hours: list[MissedHour]
    deadline_h: int
    time_zone: str
    as_of: datetime
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """From assignment to first contact in seconds; None where fewer leads than that share were contacted."""

    since: datetime
    until: datetime
    lead_count: int
    contacted_count: int
    median_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class TargetReport:
    """How far the targets are met: the rate of the newer window, and response times of both."""

    counts: Tally
    response: ResponseTimes
    response_before: ResponseTimes
    newest_at: datetime | None


class TargetState(NamedTuple):
    """What is wanted and what is true, as shares; `actual` is None when there is nothing to reckon with."""

    target: float
    actual: float | None

    @property
    def gap(self) -> float | None:
        """How far beyond the target; negative when it falls short."""
        return None if self.actual is None else self.actual - self.target

    @property
    def is_met(self) -> bool:
        """Whether it is reached."""
        return self.actual is not None and self.actual >= self.target


def share(part: int, whole: int) -> float | None:
    """`part / whole`; None when there is no whole."""
    return part / whole if whole else None


def change(now: float | None, before: float | None) -> float | None:
    """How much larger `now` is than `before`, as a share of it; None when either is missing or there was nothing."""
    if now is None or not before:
        return None
    return (now - before) / before


def difference(now: float | None, before: float | None) -> float | None:
    """`now - before`; None when either is missing."""
    return None if now is None or before is None else now - before


def lines_of(
    now: Mapping[str, Tally], before: Mapping[str, Tally] | None
) -> tuple[RateLine, list[RateLine]]:
    """The total, and a line for each key of either period, in order of key."""
    keys = sorted({*now, *(before or {})})
    lines = [
        RateLine(key, now.get(key, Tally()), None if before is None else before.get(key, Tally()))
        for key in keys
    ]
    return RateLine("", _sum(now), None if before is None else _sum(before)), lines


def regrouped(tallies: Mapping[str, Tally], group_of: Callable[[str], str]) -> dict[str, Tally]:
    """The tallies of groups, each the sum of its members'."""
    groups: dict[str, Tally] = {}
    for key, tally in tallies.items():
        group = group_of(key)
        groups[group] = groups.get(group, Tally()).plus(tally)
    return groups


def _sum(tallies: Mapping[str, Tally]) -> Tally:
    total = Tally()
    for tally in tallies.values():
        total = total.plus(tally)
    return total
