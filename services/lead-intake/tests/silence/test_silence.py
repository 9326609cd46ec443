"""What counts as silence: the rules of the domain, with time as an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.pulls import (
    INTERVAL,
    OVERLAP,
    Failure,
    delay_after,
    delay_until_next,
    is_to_be_told,
    next_window,
)
from lead_intake.domain.silence import (
    HOURS_OF_WEEK,
    Calendar,
    Expectation,
    Hearing,
    Lately,
    Profile,
    SilenceReason,
    chance_of_silence,
    expected_leads,
    judge,
    learn,
    usual_gap_s,
)

NOW = datetime(2026, 3, 25, 4, tzinfo=UTC)
"""Noon of a Wednesday in Shanghai."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEVER = timedelta(days=1)
CHANCES = st.floats(0, 1e6)
STEADY = Profile((10.0,) * HOURS_OF_WEEK, (5.0,) * HOURS_OF_WEEK, 50.0, 240.0, is_regular=False)


def counts(until: datetime, days: int, count: Any) -> dict[datetime, int]:
    """Hourly counts of the days before; `count` gives an hour's, by its local time."""
    hours = [until - HOUR * back for back in range(1, days * 24 + 1)]
    return {hour: count(hour.astimezone(UTC) + 8 * HOUR) for hour in hours}


def office(local: datetime) -> int:
    return 20 if local.weekday() < 5 and 9 <= local.hour < 18 else 0


def hearing(profile: Profile | None, last: datetime | None, **named: Any) -> Hearing:
    usual = {
        "watched_since": NOW - 60 * DAY,
        "last_delivery_at": last,
        "expectation": Expectation(),
        "profile": profile,
        "lately": Lately(0, 0.0),
    }
    return Hearing(**{**usual, **named})


def reason(heard: Hearing, calendar: Calendar, now: datetime = NOW) -> SilenceReason | None:
    return judge(heard, calendar, now=now, never_spoke_after=NEVER).reason


def test_a_night_and_a_weekend_are_no_silence_but_a_morning_is(calendar: Calendar) -> None:
    monday = datetime(2026, 3, 23, tzinfo=UTC)
    friday_evening = monday - 3 * DAY + 9.9 * HOUR
    profile = learn(counts(monday, 28, office), calendar, since=monday - 28 * DAY, until=monday)
    heard = hearing(profile, friday_evening)

    assert reason(heard, calendar, monday + 0.9 * HOUR) is None
    assert reason(heard, calendar, monday + 3 * HOUR) is SilenceReason.UNLIKELY


def test_a_holiday_without_leads_is_no_silence(calendar: Calendar, senders: Any) -> None:
    midnight = datetime(2026, 4, 5, 16, tzinfo=UTC)
    assert calendar.is_quiet(midnight)
    profile = learn(
        counts(midnight, 28, office), calendar, since=midnight - 28 * DAY, until=midnight
    )

    assert reason(hearing(profile, midnight - 2 * DAY), calendar, midnight + 16 * HOUR) is None


def test_a_holiday_is_no_example_for_the_days_after(calendar: Calendar) -> None:
    until = datetime(2026, 4, 12, 16, tzinfo=UTC)
    with_gap = counts(until, 28, office)
    full = {hour: 20 if office(hour + 8 * HOUR) else 0 for hour in with_gap}
    for hour in with_gap:
        if calendar.is_quiet(hour):
            with_gap[hour] = 0

    learnt = learn(with_gap, calendar, since=until - 28 * DAY, until=until)

    assert learnt == learn(full, calendar, since=until - 28 * DAY, until=until)


@pytest.mark.parametrize(("days", "daily"), [(13, 200), (28, 0)], ids=["short", "rare"])
def test_too_little_history_says_nothing(calendar: Calendar, days: int, daily: int) -> None:
    history = counts(NOW, days, lambda _: daily // 24)

    assert learn(history, calendar, since=NOW - days * DAY, until=NOW) is None
    assert reason(hearing(None, NOW - 10 * DAY), calendar) is None


def test_a_sender_that_keeps_time_is_silent_after_six_of_its_gaps(calendar: Calendar) -> None:
    history = counts(NOW, 28, lambda _: 1)
    profile = learn(history, calendar, since=NOW - 28 * DAY, until=NOW)
    assert profile is not None
    assert profile.is_regular

    assert reason(hearing(profile, NOW - 5 * HOUR), calendar) is None
    assert reason(hearing(profile, NOW - 6.5 * HOUR), calendar) is SilenceReason.IRREGULAR


def test_an_account_that_never_spoke_is_silent_after_its_time(calendar: Calendar) -> None:
    new = hearing(None, None, watched_since=NOW - DAY / 2)
    old = hearing(None, None, watched_since=NOW - 2 * DAY)

    assert reason(new, calendar) is None
    assert reason(old, calendar) is SilenceReason.NEVER_SPOKE


def test_leads_that_the_sender_lists_and_did_not_push_are_silence_at_once(
    calendar: Calendar,
) -> None:
    last = NOW - timedelta(minutes=6)

    assert reason(hearing(STEADY, last, missed_count=2), calendar) is None
    assert reason(hearing(None, last, missed_count=3), calendar) is SilenceReason.MISSED
    assert reason(hearing(None, NOW - timedelta(minutes=4), missed_count=3), calendar) is None


def test_an_operators_word_goes_before_statistics(calendar: Calendar) -> None:
    last = NOW - 10 * HOUR
    assert reason(hearing(STEADY, last), calendar) is SilenceReason.UNLIKELY

    patient = hearing(STEADY, last, expectation=Expectation(silent_after_s=11 * 3600))
    strict = hearing(None, last, expectation=Expectation(silent_after_s=9 * 3600))
    muted = hearing(STEADY, last, expectation=Expectation(1.0, NOW + HOUR))

    assert reason(patient, calendar) is None
    assert reason(strict, calendar) is SilenceReason.LIMIT_PASSED
    assert reason(muted, calendar) is None
    assert reason(muted, calendar, NOW + 2 * HOUR) is SilenceReason.LIMIT_PASSED


def test_a_weak_day_is_given_more_time(calendar: Calendar) -> None:
    strong = chance_of_silence(STEADY, Lately(120, 120.0), 12.0)
    weak = chance_of_silence(STEADY, Lately(30, 120.0), 12.0)

    assert weak > 10 * strong


def test_the_usual_gap_is_that_of_the_hour(calendar: Calendar) -> None:
    profile = learn(counts(NOW, 28, office), calendar, since=NOW - 28 * DAY, until=NOW)
    assert profile is not None

    assert usual_gap_s(profile, calendar, at=NOW) == pytest.approx(180, rel=0.01)
    assert usual_gap_s(profile, calendar, at=NOW + 12 * HOUR) > 10_000


@given(minutes=st.integers(0, 60 * 24 * 14), more=st.integers(0, 60 * 24))
def test_silence_only_grows_less_likely_with_time(minutes: int, more: int) -> None:
    calendar = Calendar(ZoneInfo("Asia/Shanghai"), frozenset({NOW.date()}))
    heard = hearing(STEADY, NOW - timedelta(minutes=minutes))

    first = judge(heard, calendar, now=NOW, never_spoke_after=NEVER)
    later = judge(heard, calendar, now=NOW + timedelta(minutes=more), never_spoke_after=NEVER)

    assert 0 <= later.probability <= first.probability <= 1
    assert not (first.reason and not later.reason)


@given(missed=CHANCES, count=st.integers(0, 10_000), expected=st.floats(0, 10_000))
def test_a_chance_is_a_chance(missed: float, count: int, expected: float) -> None:
    assert 0 <= chance_of_silence(STEADY, Lately(count, expected), missed) <= 1


@given(cuts=st.lists(st.integers(0, 10_000), min_size=1, max_size=5))
def test_expected_leads_add_up_however_the_time_is_cut(cuts: list[int]) -> None:
    calendar = Calendar(ZoneInfo("Asia/Shanghai"), frozenset({NOW.date() + DAY}))
    edges = [NOW, *(NOW + timedelta(minutes=cut) for cut in sorted(cuts))]

    parts = sum(
        expected_leads(STEADY, calendar, since=since, until=until)
        for since, until in pairwise(edges)
    )

    whole = expected_leads(STEADY, calendar, since=edges[0], until=edges[-1])
    assert parts == pytest.approx(whole, abs=1e-6)


# Bytes, because hundreds of integers are drawn so slowly that a busy machine gives up.
@given(hourly=st.binary(min_size=14 * 24, max_size=30 * 24))
def test_any_history_gives_a_usable_profile(hourly: bytes) -> None:
    calendar = Calendar(ZoneInfo("Asia/Shanghai"), frozenset())
    history = {NOW - HOUR * (back + 1): 2 * count for back, count in enumerate(hourly)}

    profile = learn(history, calendar, since=min(history), until=NOW)

    if profile is not None:
        assert all(0 <= rate <= 510 for rate in (*profile.hourly, *profile.quiet_hourly))
        assert 2 <= profile.steadiness <= 200
        assert profile.daily >= 1


@given(behind=st.integers(0, 100 * 24), window_days=st.sampled_from([1, 7, 29, 90]))
def test_windows_overlap_and_come_to_the_present(behind: int, window_days: int) -> None:
    compared, window_max = NOW - behind * HOUR, window_days * DAY
    rounds = 0
    while True:
        since, until = next_window(compared, now=NOW, window_max=window_max)
        assert compared - OVERLAP <= since <= compared
        assert until - since <= window_max
        assert until <= NOW
        rounds += 1
        if delay_until_next(until=until, now=NOW) == INTERVAL:
            break
        assert until > compared
        compared = until
    assert until == NOW
    assert rounds <= behind / (window_days * 12) + 1


def test_failures_wait_longer_each_time_and_a_vendor_is_left_alone_as_long_as_it_asks() -> None:
    failure = Failure("status 500")
    delays = [delay_after(failure, failure_count=number).total_seconds() for number in range(1, 7)]

    assert delays == sorted(delays)
    assert delays[-1] == delays[-2]
    patient = Failure("status 429", retry_after_s=900)
    assert delay_after(patient, failure_count=1) == timedelta(seconds=900)
    assert not is_to_be_told(failure, failure_count=4)
    assert is_to_be_told(failure, failure_count=5)
    assert is_to_be_told(Failure("graph_190", is_permanent=True), failure_count=1)
    assert not is_to_be_told(Failure("x", is_worth_telling=False), failure_count=9)
