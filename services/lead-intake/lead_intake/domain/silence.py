"""When an account that should deliver is silent: what its past leads one to expect, and how unlikely its present is.

Leads are taken as a Poisson process whose rate depends on the hour of the week and whose level drifts from day to day.
Silence is measured in expected leads instead of seconds, so a night, a weekend or a holiday without leads is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

HISTORY_DAYS_MAX = 28
HISTORY_DAYS_MIN = 14
"""Two of each day of the week: one alone would make a chance free Sunday the rule, or a chance busy one."""

LEADS_MIN = 20
ALARM_PROBABILITY = 0.001
"""How often a working account may be called silent in a day: the chance of one gap, times the gaps of a day."""

REGULAR_EXPECTED_LEADS = 6.0
"""A sender that keeps time is silent when six of its gaps pass; half of them are shorter than one expected lead."""

REGULAR_DISPERSION = 0.5
MISSED_LEADS = 3
"""So many leads that its sender lists since its last delivery were not pushed: chance has no part in that."""

SILENCE_MIN = timedelta(minutes=5)
LEVEL_WINDOW = timedelta(hours=12)
"""The last hours with deliveries that say whether today is a strong or a weak day."""

POOL_WEIGHT_HOURS = 0.1
MEAN_WEIGHT_HOURS = 0.02
"""How many hours of evidence the wider average counts for. Small: with more, every free day would expect leads."""

QUIET_DAY_SHARE = 0.5
STEADINESS_MIN, STEADINESS_MAX = 2.0, 200.0
HOURS_OF_WEEK = 168
_HOUR = timedelta(hours=1)


class SilenceReason(StrEnum):
    """Why an account counts as silent."""

    UNLIKELY = "unlikely"
    IRREGULAR = "irregular"
    MISSED = "missed"
    NEVER_SPOKE = "never_spoke"
    LIMIT_PASSED = "limit_passed"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Local time and the days that are unlike others: public holidays, and weekends worked instead."""

    zone: tzinfo
    quiet_days: frozenset[date]

    def is_quiet(self, moment: datetime) -> bool:
        """Whether a moment falls on an unusual day."""
        return moment.astimezone(self.zone).date() in self.quiet_days

    def hour_of_week(self, moment: datetime) -> int:
        """The local hour, from 0 (Monday, midnight) to 167."""
        local = moment.astimezone(self.zone)
        return local.weekday() * 24 + local.hour


class _Hour(NamedTuple):
    """A full hour: its start, its hour of the week and its local day."""

    hour: datetime
    place: int
    day: date


@dataclass(frozen=True, slots=True)
class Profile:
    """What an account usually delivers: leads an hour, for each hour of the week and of quiet days.

    `steadiness` says how far days of the same kind agree: the shape of their levels' gamma distribution.
    """

    hourly: tuple[float, ...]
    quiet_hourly: tuple[float, ...]
    steadiness: float
    daily: float
    is_regular: bool


@dataclass(frozen=True, slots=True)
class Lately:
    """What an account delivered in the hours before its last delivery, and what it was expected to."""

    lead_count: int
    expected_count: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an account stands: the chance of its silence, the gap that is usual, and whether to speak of it."""

    probability: float
    expected_gap_s: float
    reason: SilenceReason | None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an operator said of an account: an own limit instead of statistics, and until when to say nothing."""

    silent_after_s: float | None = None
    muted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is known of an account at one moment.

    `profile` is None while too little is known; `missed_count` is how many leads its sender lists since the last
    delivery that were not pushed.
    """

    watched_since: datetime
    last_delivery_at: datetime | None
    expectation: Expectation
    profile: Profile | None
    lately: Lately
    missed_count: int = 0


def learn(
    counts: Mapping[datetime, int], calendar: Calendar, *, since: datetime, until: datetime
) -> Profile | None:
    """The profile of an account from its leads by full hour (UTC) of `since` to `until`, at most 28 days.

    None while there is too little to say anything. Hours that are not in `counts` had no leads.
    """
    first = max(_full_hour(since), _full_hour(until) - timedelta(days=HISTORY_DAYS_MAX))
    hours = _usual_hours(calendar, first, _full_hour(until))
    found = [counts.get(each.hour, 0) for each in hours]
    if len(hours) < HISTORY_DAYS_MIN * 24 or sum(found) < LEADS_MIN:
        return None
    hourly, quiet = _rates([each.place for each in hours], found)
    expected = [hourly[each.place] for each in hours]
    return Profile(
        hourly=hourly,
        quiet_hourly=quiet,
        steadiness=_steadiness(hours, found, expected),
        daily=max(1.0, 24.0 * sum(found) / len(hours)),
        is_regular=_dispersion(found, expected) < REGULAR_DISPERSION,
    )


def expected_leads(
    profile: Profile, calendar: Calendar, *, since: datetime, until: datetime
) -> float:
    """How many leads an account should deliver between two moments."""
    total = 0.0
    at = since
    while at < until:
        following = min(until, _full_hour(at) + _HOUR)
        hourly = profile.quiet_hourly if calendar.is_quiet(at) else profile.hourly
        total += hourly[calendar.hour_of_week(at)] * ((following - at) / _HOUR)
        at = following
    return total


def chance_of_silence(profile: Profile, lately: Lately, missed: float) -> float:
    """The chance that nothing comes while `missed` leads are expected, from 0 to 1.

    The level of the day is not known for sure; what came lately says how far it is off.
    """
    certain = profile.steadiness + lately.expected_count
    shape = profile.steadiness + lately.lead_count
    return math.exp(-shape * math.log1p(missed / certain))


def judge(
    hearing: Hearing, calendar: Calendar, *, now: datetime, never_spoke_after: timedelta
) -> Verdict:
    """How an account stands at `now`. An operator's limit goes before statistics; a muted account is never silent."""
    last = hearing.last_delivery_at
    since = last or hearing.watched_since
    verdict = _measured(hearing, calendar, now=now)
    muted = hearing.expectation.muted_until
    reason: SilenceReason | None = None
    if muted is not None and now < muted:
        reason = None
    elif hearing.expectation.silent_after_s is not None:
        limit = timedelta(seconds=hearing.expectation.silent_after_s)
        reason = SilenceReason.LIMIT_PASSED if now - since > limit else None
    elif last is None:
        reason = SilenceReason.NEVER_SPOKE if now - since > never_spoke_after else None
    elif now - last > SILENCE_MIN:
        is_missed = hearing.missed_count >= MISSED_LEADS
        reason = SilenceReason.MISSED if is_missed else verdict.reason
    return Verdict(verdict.probability, verdict.expected_gap_s, reason)


def usual_gap_s(profile: Profile, calendar: Calendar, *, at: datetime) -> float:
    """Seconds between leads that are usual at a moment; a day at most."""
    hourly = expected_leads(profile, calendar, since=at, until=at + _HOUR)
    return min(86400.0, 3600.0 / hourly) if hourly > 0 else 86400.0


def level_window(last_delivery_at: datetime) -> tuple[datetime, datetime]:
    """The full hours that say how strong the day of a delivery is: before the hour of the delivery itself."""
    until = _full_hour(last_delivery_at)
    return until - LEVEL_WINDOW, until


def _measured(hearing: Hearing, calendar: Calendar, *, now: datetime) -> Verdict:
    """What statistics say of an account that has a profile and has delivered."""
    profile, last = hearing.profile, hearing.last_delivery_at
    if profile is None or last is None:
        return Verdict(1.0 if profile else 0.0, 0.0, None)
    missed = expected_leads(profile, calendar, since=last, until=now)
    probability = chance_of_silence(profile, hearing.lately, missed)
    reason: SilenceReason | None = None
    if probability * profile.daily < ALARM_PROBABILITY:
        reason = SilenceReason.UNLIKELY
    elif profile.is_regular and missed > REGULAR_EXPECTED_LEADS:
        reason = SilenceReason.IRREGULAR
    silent_s = (now - last).total_seconds()
    return Verdict(
        probability, silent_s / missed if missed > 0.5 else 86400.0 / profile.daily, reason
    )


def _rates(
    places: Sequence[int], found: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Leads an hour by hour of the week, each leaning on the same hour of like days; and those of quiet days."""
    sums, hours = [0] * HOURS_OF_WEEK, [0] * HOURS_OF_WEEK
    for place, count in zip(places, found, strict=True):
        sums[place] += count
        hours[place] += 1
    mean = sum(sums) / max(1, sum(hours))
    pools = [
        _leaning(_pooled(sums, place), _pooled(hours, place), mean, MEAN_WEIGHT_HOURS)
        for place in range(HOURS_OF_WEEK)
    ]
    hourly = tuple(
        _leaning(sums[place], hours[place], pools[place], POOL_WEIGHT_HOURS)
        for place in range(HOURS_OF_WEEK)
    )
    rest = [pools[5 * 24 + place % 24] for place in range(HOURS_OF_WEEK)]
    quiet = tuple(QUIET_DAY_SHARE * min(each) for each in zip(hourly, pools, rest, strict=True))
    return hourly, quiet


def _pooled(values: Sequence[int], place: int) -> int:
    """The sum over the same hour of all working days, or of both days of a weekend."""
    days = range(5) if place < 5 * 24 else range(5, 7)
    return sum(values[day * 24 + place % 24] for day in days)


def _leaning(total: int, hours: int, average: float, weight: float) -> float:
    return (total + weight * average) / (hours + weight)


def _steadiness(hours: Sequence[_Hour], found: Sequence[int], expected: Sequence[float]) -> float:
    """How far days agree with what is expected of them, beyond chance."""
    days: dict[date, list[float]] = {}
    for hour, count, usual in zip(hours, found, expected, strict=True):
        day = days.setdefault(hour.day, [0.0, 0.0])
        day[0] += count
        day[1] += usual
    squares = sum(usual * usual for _, usual in days.values())
    excess = sum((count - usual) ** 2 - usual for count, usual in days.values())
    # An hour of the week is its own measure a fourth to a half, which hides that share of the differences.
    weeks = max(2.0, len(days) / 7)
    spread = excess / squares * weeks / (weeks - 1) if squares else 0.0
    return min(STEADINESS_MAX, max(STEADINESS_MIN, 1 / spread)) if spread > 0 else STEADINESS_MAX


def _dispersion(found: Sequence[int], expected: Sequence[float]) -> float:
    """The variance of hourly counts in units of a Poisson process': 1 for chance, near 0 for a clockwork."""
    squares = sum((count - usual) ** 2 for count, usual in zip(found, expected, strict=True))
    return squares / max(sum(expected), 1e-9)


@lru_cache(maxsize=64)
def _usual_hours(calendar: Calendar, first: datetime, until: datetime) -> tuple[_Hour, ...]:
    """The full hours of a span that are no quiet day's; remembered, because accounts share them."""
    count = max(0, (until - first) // _HOUR)
    hours = (first + _HOUR * number for number in range(count))
    return tuple(
        _Hour(hour, calendar.hour_of_week(hour), hour.astimezone(calendar.zone).date())
        for hour in hours
        if not calendar.is_quiet(hour)
    )


def _full_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def with_level(
    profile: Profile | None,
    calendar: Calendar,
    counts: Collection[tuple[datetime, int]],
    last_delivery_at: datetime | None,
) -> Lately:
    """What an account delivered in the hours before its last delivery, of its hourly counts."""
    if profile is None or last_delivery_at is None:
        return Lately(0, 0.0)
    since, until = level_window(last_delivery_at)
    came = sum(count for hour, count in counts if since <= hour < until)
    return Lately(came, expected_leads(profile, calendar, since=since, until=until))
