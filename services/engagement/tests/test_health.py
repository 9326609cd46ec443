"""Scores of health and falls of them, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from engagement.domain.health import Dimension, Level, Measure, Week, fall, judge, share, week_of
from engagement.domain.standings import Noticed, Standing, measures
from engagement.policies import PolicyFiles, load_policies
from hypothesis import given
from hypothesis import strategies as st
from servicekit.documents import InvalidPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

POLICY = load_policies().standings.health
MONDAY = datetime(2026, 2, 2, tzinfo=UTC)
SCORES = st.lists(st.none() | st.integers(min_value=0, max_value=100), max_size=12)
AT_THE_LINE = {
    Dimension.ACTIVITY: Measure(30, 100),
    Dimension.SERVICE: Measure(85, 100),
    Dimension.DELIVERY: Measure(60, 100),
    Dimension.PAYMENT: Measure(90, 100),
    Dimension.EXECUTIVES: Measure(2),
    Dimension.RIVALS: Measure(5),
}
BEYOND_THE_LINE = {
    Dimension.ACTIVITY: Measure(299, 1000),
    Dimension.SERVICE: Measure(849, 1000),
    Dimension.DELIVERY: Measure(599, 1000),
    Dimension.PAYMENT: Measure(2, 3),
    Dimension.EXECUTIVES: Measure(1),
    Dimension.RIVALS: Measure(6),
}
ALL_WELL = {
    Dimension.ACTIVITY: Measure(90, 100),
    Dimension.SERVICE: Measure(4, 4),
    Dimension.DELIVERY: Measure(10, 10),
    Dimension.PAYMENT: Measure(3, 3),
    Dimension.EXECUTIVES: Measure(9),
    Dimension.RIVALS: Measure(0),
}


def scored(measured: Mapping[Dimension, Measure]) -> tuple[int | None, set[Dimension]]:
    """The score, and the dimensions that alarm."""
    health = judge(POLICY, measured)
    return health.score, {each.rule.dimension for each in health.dimensions if each.is_alarm}


def weeks(scores: Sequence[int | None]) -> list[Week]:
    """Weeks that follow each other, the oldest first."""
    return [Week(MONDAY + timedelta(weeks=place), score) for place, score in enumerate(scores)]


def test_at_the_line_nothing_alarms_and_the_customer_is_just_yellow() -> None:
    score, alarms = scored(AT_THE_LINE)

    assert (score, alarms) == (40, set())
    assert POLICY.level(40) is Level.YELLOW


def test_beyond_the_line_everything_alarms_and_the_customer_is_red() -> None:
    score, alarms = scored(BEYOND_THE_LINE)

    assert alarms == set(Dimension)
    assert score is not None
    assert POLICY.level(score) is Level.RED


def test_where_all_is_well_the_score_is_full() -> None:
    assert scored(ALL_WELL) == (100, set())


@pytest.mark.parametrize(
    ("score", "level"), [(39, Level.RED), (40, Level.YELLOW), (70, Level.YELLOW), (71, Level.GREEN)]
)
def test_a_score_is_red_below_40_and_green_above_70(score: int, level: Level) -> None:
    assert POLICY.level(score) is level


def test_what_is_not_known_is_left_out_and_named_and_too_little_makes_no_score() -> None:
    three = [Dimension.ACTIVITY, Dimension.DELIVERY, Dimension.RIVALS]

    known = judge(POLICY, {each: ALL_WELL[each] for each in three})
    too_little = judge(POLICY, {each: ALL_WELL[each] for each in three[:2]})

    assert known.score == 100
    assert set(known.left_out) == {Dimension.SERVICE, Dimension.PAYMENT, Dimension.EXECUTIVES}
    assert too_little.score is None


def test_the_score_is_the_weighted_mean_of_what_is_known() -> None:
    health = judge(
        POLICY,
        {
            Dimension.ACTIVITY: Measure(45, 100),
            Dimension.DELIVERY: Measure(5, 10),
            Dimension.PAYMENT: Measure(2, 3),
        },
    )

    points = {each.rule.dimension: each.points for each in health.dimensions if each.measure}
    assert points[Dimension.ACTIVITY] == 70
    assert [round(float(each), 2) for each in points.values()] == [70, 33.33, 29.63]
    assert health.score == int((25 * 70 + 20 * 100 / 3 + 20 * 40 * (2 / 3) / 0.9) / 65)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 100))
def test_more_of_what_is_good_never_makes_a_score_worse(less: int, more: int, whole: int) -> None:
    low, high = sorted((less, more))

    for rule in POLICY.rules:
        earlier, later = Measure(low, whole).value, Measure(high, whole).value
        points = [rule.points(value, POLICY.red_below) for value in (earlier, later)]
        assert sorted(points, reverse=rule.worst > rule.good) == points
        assert all(0 <= each <= 100 for each in points)


def test_a_share_of_nothing_and_words_that_nobody_heard_are_no_data() -> None:
    known = Standing("a" * 64, daily_active_count=3, account_count=0, contracted_module_count=4)

    assert measures(known, Noticed()) == {}
    assert measures(known, Noticed(heard_count=2)) == {Dimension.RIVALS: Measure(0)}
    assert share(0, 5) == Measure(0, 5)


@given(SCORES)
def test_a_fall_is_told_exactly_when_the_last_two_weeks_fell_to_what_is_not_green(
    scores: list[int | None],
) -> None:
    found = fall(POLICY, weeks(scores)[::-1])

    last = scores[-3:]
    known = [score for score in last if score is not None]
    is_fall = len(known) == 3 and known[0] > known[1] > known[2] and known[2] <= 70
    assert (found is not None) == is_fall
    if found is not None:
        assert found.since.week_from + timedelta(weeks=found.week_count) == found.newest.week_from


def test_weeks_with_one_missing_between_them_are_no_fall() -> None:
    first, second, _, fourth = weeks([90, 80, 70, 60])

    assert fall(POLICY, [first, second, fourth]) is None
    assert fall(POLICY, []) is None


def test_a_week_begins_on_monday_by_the_clock_of_its_zone() -> None:
    sunday_in_utc = datetime(2026, 2, 8, 17, 0, tzinfo=UTC)

    china = week_of(sunday_in_utc, ZoneInfo("Asia/Shanghai"))

    assert china == datetime(2026, 2, 8, 16, 0, tzinfo=UTC)
    assert week_of(sunday_in_utc, UTC) == MONDAY


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("task: renewal_touch", "task: renewal_tuch", "renewal.task: 'renewal_tuch' is none of"),
        ("task: health_talk", "task: talk", "health.fall.task"),
        ("tags: [comparing]", "tags: [comparing, rivals]", "health.rivals.tags[1]"),
        ("level: silver\n", "level: silvery\n", "dormant.level: 'silvery' is none of"),
        ("[gold, 金卡,", "[gold, 银卡,", "'银卡' is taken"),
        ("alarm: 30, good: 60", "alarm: 30, good: 20", "health.each.activity"),
        ("worst: 10, alarm: 5", "worst: 4, alarm: 5", "health.each.rivals"),
        ("green_above: 70", "green_above: 30", "lies below red_below"),
        ("weight: 25", "wait: 25", "wait"),
        ("fresh_days: 14", "fresh_days: 0", "fresh_days"),
    ],
    ids=[
        "unknown task of renewals",
        "unknown task of falls",
        "unknown tag",
        "unknown level",
        "a word twice",
        "good below the alarm",
        "worst inside",
        "green below red",
        "typo",
        "old at once",
    ],
)
def test_rules_of_standings_that_cannot_be_used_are_refused_with_their_line(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    text = (resources.files("engagement.policies") / "standings.yaml").read_text("utf-8")
    assert old in text
    file = tmp_path / "standings.yaml"
    file.write_text(text.replace(old, new), "utf-8")

    with pytest.raises(InvalidPolicy, match=r"standings\.yaml:\d+: ") as refused:
        load_policies(PolicyFiles(standings=file))

    assert told in str(refused.value)
