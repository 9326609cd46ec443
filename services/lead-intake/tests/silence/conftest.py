"""What the tests of silence share: a calendar, and senders that do not exist."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from lead_intake.domain.silence import Calendar

if TYPE_CHECKING:
    from collections.abc import Callable

MONDAY = datetime(2026, 2, 23, 16, tzinfo=UTC)
"""Midnight in Shanghai before Tuesday, 24 February 2026: nine weeks without a long holiday follow."""

HOLIDAY = date(2026, 4, 6)
SUNDAY = date(2026, 3, 1)
"""Holidays are like this day, and weaker."""


@dataclass
class Sender:
    """An advertiser whose leads come by chance.

    `rate` gives leads an hour at a local time; `spread` is the standard deviation of the logarithm of its days' levels.
    """

    rate: Callable[[datetime], float]
    seed: int
    spread: float = 0.25
    _levels: dict[date, float] = field(default_factory=dict)

    def arrivals(self, since: datetime, until: datetime, calendar: Calendar) -> list[datetime]:
        """The moments of its leads between two moments, the same at every run."""
        chance = random.Random(self.seed)
        found: list[datetime] = []
        at = since
        while at < until:
            local = at.astimezone(calendar.zone)
            level = self._level(local.date(), chance)
            if calendar.is_quiet(at):
                local = local.replace(day=SUNDAY.day, month=SUNDAY.month)
                level *= 0.6
            expected = self.rate(local) * level
            found += [
                at + timedelta(hours=1) * chance.random() for _ in range(_poisson(expected, chance))
            ]
            at += timedelta(hours=1)
        return sorted(found)

    def _level(self, day: date, chance: random.Random) -> float:
        if day not in self._levels:
            self._levels[day] = chance.lognormvariate(-(self.spread**2) / 2, self.spread)
        return self._levels[day]


def _poisson(expected: float, chance: random.Random) -> int:
    count, passed = 0, chance.expovariate(1)
    while passed < expected:
        count += 1
        passed += chance.expovariate(1)
    return count


def busy_all_week(local: datetime) -> float:
    """217 leads a day, three quarters of them by day."""
    return 217 * 0.75 / 14 if 8 <= local.hour < 22 else 217 * 0.25 / 10


def busy_in_office_hours(local: datetime) -> float:
    """217 leads on a working day, from nine to six, fewer at noon."""
    if local.weekday() >= 5 or not 9 <= local.hour < 18:
        return 0.0
    return 10.0 if local.hour == 12 else 217 / 8.4


def five_a_day(local: datetime) -> float:
    """Five leads on a working day, from nine to six."""
    return 5 / 9 if local.weekday() < 5 and 9 <= local.hour < 18 else 0.0


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(ZoneInfo("Asia/Shanghai"), frozenset({HOLIDAY}))


@pytest.fixture
def senders() -> Any:
    """The kinds of senders, for simulations."""
    return _Senders


class _Senders:
    start = MONDAY
    holiday = HOLIDAY
    Sender = Sender
    busy_all_week = staticmethod(busy_all_week)
    busy_in_office_hours = staticmethod(busy_in_office_hours)
    five_a_day = staticmethod(five_a_day)
