"""How often a working account is called silent, and how soon a deleted callback is noticed: made-up months."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from lead_intake.domain.silence import (
    SILENCE_MIN,
    Calendar,
    Expectation,
    Hearing,
    Profile,
    judge,
    learn,
    with_level,
)
from servicekit.testing.thoroughness import rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCOUNTS = rounds(8, long=40)
LEARNING = timedelta(days=28)
WATCHED = timedelta(days=28)
HALF_MINUTE = timedelta(seconds=30)
NEVER = timedelta(days=1)
KINDS = ("busy_all_week", "busy_in_office_hours", "five_a_day")


class Watch:
    """What the watch knows at any moment of a simulated account: hourly counts, and a profile learnt once a day."""

    def __init__(self, arrivals: Sequence[datetime], calendar: Calendar, start: datetime) -> None:
        self.calendar = calendar
        self.start = start
        self.counts = Counter(at.replace(minute=0, second=0, microsecond=0) for at in arrivals)
        self._profiles: dict[Any, Profile | None] = {}

    def is_silent(self, last: datetime, now: datetime) -> bool:
        """Whether the account counts as silent."""
        profile = self._profile(last)
        lately = with_level(profile, self.calendar, self.counts.items(), last)
        hearing = Hearing(self.start, last, Expectation(), profile, lately)
        verdict = judge(hearing, self.calendar, now=now, never_spoke_after=NEVER)
        return verdict.reason is not None

    def _profile(self, at: datetime) -> Profile | None:
        day = at.date()
        if day not in self._profiles:
            until = datetime(day.year, day.month, day.day, tzinfo=UTC)
            self._profiles[day] = learn(self.counts, self.calendar, since=self.start, until=until)
        return self._profiles[day]


def watch_of(
    kind: str, seed: int, senders: Any, calendar: Calendar
) -> tuple[Watch, list[datetime]]:
    sender = senders.Sender(getattr(senders, kind), seed)
    start = senders.start
    arrivals = sender.arrivals(start, start + LEARNING + WATCHED, calendar)
    return Watch(arrivals, calendar, start), arrivals


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_working_account_is_almost_never_called_silent(
    kind: str, senders: Any, calendar: Calendar
) -> None:
    false_alarms = 0
    for seed in range(ACCOUNTS):
        watch, arrivals = watch_of(kind, seed, senders, calendar)
        learnt = senders.start + LEARNING
        false_alarms += sum(
            watch.is_silent(last, following)
            for last, following in pairwise(arrivals)
            if last >= learnt and following - last > SILENCE_MIN
        )

    rate = false_alarms / ACCOUNTS
    sys.stdout.write(f"{kind}: {rate:.2f} false alarms per account and month\n")
    assert rate <= 0.25


@pytest.mark.soak
@pytest.mark.parametrize(
    ("kind", "local_hour", "tick", "median_max"),
    [
        ("busy_in_office_hours", 10, HALF_MINUTE, timedelta(minutes=60)),
        ("busy_in_office_hours", 15, HALF_MINUTE, timedelta(minutes=60)),
        ("busy_all_week", 15, HALF_MINUTE, timedelta(minutes=90)),
        ("five_a_day", 10, timedelta(minutes=15), timedelta(days=4)),
    ],
)
def test_a_deleted_callback_is_noticed_in_time(
    kind: str,
    local_hour: int,
    tick: timedelta,
    median_max: timedelta,
    senders: Any,
    calendar: Calendar,
) -> None:
    delays = []
    for seed in range(ACCOUNTS):
        watch, arrivals = watch_of(kind, seed, senders, calendar)
        # Wednesday, after four weeks and a day of learning.
        deleted = senders.start + LEARNING + timedelta(days=1, hours=local_hour)
        last = max(at for at in arrivals if at < deleted)
        now = deleted
        while not watch.is_silent(last, now):
            now += tick
        delays.append(now - deleted)

    found = f"noticed after {median(delays)}, at the latest {max(delays)}"
    sys.stdout.write(f"{kind} at {local_hour}: {found}\n")
    assert median(delays) <= median_max
