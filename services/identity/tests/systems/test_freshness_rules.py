"""How late systems are: by their last fact, by their silence, and over a day (ID-06)."""

from datetime import UTC, datetime, timedelta

import pytest
from identity.domain.freshness import (
    Standing,
    SystemState,
    bucket_lag_s,
    lag_bucket,
    percentile_s,
    standing,
)
from identity.policies.systems import load_systems

KINGDEE = load_systems().policies["kingdee"]
NOW = datetime(2026, 2, 7, 12, tzinfo=UTC)


def heard(*, lag_s=1.0, ago=timedelta()):
    return SystemState("kingdee", last_fact_at=NOW - ago, last_lag_s=lag_s, heard_at=NOW - ago)


def test_an_erp_may_be_two_hours_late_and_no_more():
    assert not standing(heard(lag_s=7_200), KINGDEE, now=NOW).is_overdue
    assert standing(heard(lag_s=7_201), KINGDEE, now=NOW) == Standing(7_201, is_overdue=True)


def test_a_silent_erp_is_late_by_what_its_silence_exceeds_its_habit():
    assert not standing(heard(ago=timedelta(hours=3)), KINGDEE, now=NOW).is_overdue
    assert standing(heard(ago=timedelta(hours=3, seconds=1)), KINGDEE, now=NOW).is_overdue


def test_a_system_that_answers_that_nothing_is_new_is_on_time():
    state = SystemState(
        "kingdee", last_fact_at=NOW - timedelta(days=3), last_lag_s=9_000, heard_at=NOW
    )

    assert standing(state, KINGDEE, now=NOW) == Standing(0.0, is_overdue=False)


def test_a_system_that_was_never_heard_is_not_late():
    assert standing(SystemState("kingdee"), KINGDEE, now=NOW) is None


@pytest.mark.parametrize("lag_s", [0.011, 0.8, 60, 702, 7_200, 90_000])
def test_a_lag_is_counted_at_most_a_fifth_too_long(lag_s):
    counted_s = bucket_lag_s(lag_bucket(lag_s))

    assert lag_s <= counted_s <= lag_s * 1.19


def test_percentiles_are_those_of_the_facts_and_absent_without_any():
    counts = {lag_bucket(1.0): 94, lag_bucket(700.0): 6}

    assert percentile_s(counts, 0.5) == pytest.approx(1.0, rel=0.19)
    assert percentile_s(counts, 0.95) == pytest.approx(700.0, rel=0.19)
    assert percentile_s({}, 0.5) is None


def test_a_clock_ahead_of_ours_counts_as_no_delay():
    assert lag_bucket(-400.0) == 0
