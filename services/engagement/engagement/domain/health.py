"""How healthy a customer is (客户健康度): six dimensions, each held against its alarm, and what they come to (FU-28).

At its alarm a dimension is worth the red line, where all is well 100, at its worst nothing; in between in proportion.
So a customer who alarms in everything is red, and one who just passes everywhere is yellow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, tzinfo

FULL = 100
WEEK = timedelta(days=7)
NO_DATA = "no data"


class Dimension(StrEnum):
    """What is looked at; the words are kept in the database and name the policy's parts."""

    ACTIVITY = "activity"
    """People who used the product on an average day of seven, of all with an account."""
    SERVICE = "service"
    """Tickets that were closed in time, of those of late."""
    DELIVERY = "delivery"
    """Modules that were delivered, of those in the contract."""
    PAYMENT = "payment"
    """Payments that came on time, of the last ones."""
    EXECUTIVES = "executives"
    """Contacts with the customer's CTO or CIO."""
    RIVALS = "rivals"
    """Contacts in which the customer spoke of a rival."""


class Level(StrEnum):
    """What a score means."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Measure:
    """An actual value: a count, or a share as `part` of `whole`."""

    part: int
    whole: int | None = None

    @property
    def value(self) -> Fraction:
        """The count, or the share in per cent."""
        return Fraction(self.part) if self.whole is None else Fraction(FULL * self.part, self.whole)


def share(part: int | None, whole: int | None) -> Measure | None:
    """A share of which both sides are known; None otherwise, and for one of nothing."""
    return None if part is None or not whole else Measure(part, whole)


@dataclass(frozen=True, slots=True)
class DimensionRule:
    """What one dimension counts for; where less is better, `worst` lies above `alarm`, and that above `good`."""

    dimension: Dimension
    zh: str
    en: str
    weight: int
    worst: Fraction
    alarm: Fraction
    good: Fraction

    def is_alarm(self, value: Fraction) -> bool:
        """Whether a value is on the wrong side of the alarm; the alarm itself is not."""
        return value < self.alarm if self.worst < self.good else value > self.alarm

    def points(self, value: Fraction, red_below: int) -> Fraction:
        """What a value is worth, 0 to 100."""
        if self.is_alarm(value):
            return max(Fraction(0), red_below * (value - self.worst) / (self.alarm - self.worst))
        above = (value - self.alarm) / (self.good - self.alarm)
        return red_below + (FULL - red_below) * min(Fraction(1), above)


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """The rules of health. Fewer than `dimensions_min` dimensions make no score."""

    rules: tuple[DimensionRule, ...]
    red_below: int
    green_above: int
    dimensions_min: int
    tickets_within: timedelta
    ticket_closed_within: timedelta
    rival_tags: tuple[str, ...]
    rivals_within: timedelta
    weekly_after: timedelta
    """How long after the beginning of a week its score is taken."""
    fall_weeks: int
    fall_levels: frozenset[Level]
    fall_task: str

    def level(self, score: int) -> Level:
        """What a score means."""
        if score < self.red_below:
            return Level.RED
        return Level.GREEN if score > self.green_above else Level.YELLOW


@dataclass(frozen=True, slots=True)
class Judged:
    """One dimension of a customer; without `measure` it is left out of the score."""

    rule: DimensionRule
    measure: Measure | None
    points: Fraction

    @property
    def is_alarm(self) -> bool:
        """Whether it alarms."""
        return self.measure is not None and self.rule.is_alarm(self.measure.value)


@dataclass(frozen=True, slots=True)
class Health:
    """A customer's health at some time; None as score where too little is known."""

    dimensions: tuple[Judged, ...]
    score: int | None

    @property
    def left_out(self) -> tuple[Dimension, ...]:
        """Dimensions for which there is no data."""
        return tuple(each.rule.dimension for each in self.dimensions if each.measure is None)


@dataclass(frozen=True, slots=True)
class Week:
    """The score that was taken in one week; None where too little was known."""

    week_from: datetime
    score: int | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fall:
    """A score that fell week after week, from `since`, the last week before it."""

    since: Week
    newest: Week
    week_count: int


def judge(policy: HealthPolicy, measures: Mapping[Dimension, Measure]) -> Health:
    """The health that these actual values make, rounded down: half a point short of a line is below it."""
    judged = tuple(_judged(policy, rule, measures.get(rule.dimension)) for rule in policy.rules)
    known = [each for each in judged if each.measure is not None]
    if len(known) < policy.dimensions_min:
        return Health(judged, None)
    weight = sum(each.rule.weight for each in known)
    total = sum((each.points * each.rule.weight for each in known), Fraction(0))
    return Health(judged, math.floor(total / weight))


def fall(policy: HealthPolicy, weeks: Sequence[Week]) -> Fall | None:
    """The fall that a customer is in by the newest week, if it is long enough and ends at a level that counts.

    Weeks must follow each other and have scores; `weeks` is in any order.
    """
    newest_first = sorted(weeks, key=lambda each: each.week_from, reverse=True)
    if not newest_first:
        return None
    newest, count = newest_first[0], 0
    for later, earlier in pairwise(newest_first):
        if not _is_lower(later, earlier):
            break
        count += 1
    if newest.score is None or count < policy.fall_weeks:
        return None
    is_told = policy.level(newest.score) in policy.fall_levels
    return Fall(newest_first[count], newest, count) if is_told else None


def week_of(moment: datetime, zone: tzinfo) -> datetime:
    """When the week of a moment began: Monday at 00:00 in a zone."""
    local = moment.astimezone(zone)
    monday = local - timedelta(days=local.weekday())
    return monday.replace(hour=0, minute=0, second=0, microsecond=0)


def _judged(policy: HealthPolicy, rule: DimensionRule, measure: Measure | None) -> Judged:
    points = Fraction(0) if measure is None else rule.points(measure.value, policy.red_below)
    return Judged(rule, measure, points)


def _is_lower(later: Week, earlier: Week) -> bool:
    if later.score is None or earlier.score is None:
        return False
    # A week in which the clocks are changed is an hour longer or shorter.
    is_next = abs(later.week_from - earlier.week_from - WEEK) <= timedelta(hours=1)
    return is_next and later.score < earlier.score
