"""When a canary is taken back, promoted, or left alone; how the share is drawn."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.canaries import Numbers, Step, next_step, wilson

NOON = datetime(2026, 1, 25, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)


@pytest.mark.parametrize(
    ("numbers", "now", "expected"),
    [
        (Numbers(19, 19, 1000, 0), NOON, Step.WAIT),
        (Numbers(30, 20, 1000, 5), NOON, Step.ROLL_BACK),
        (Numbers(100, 3, 2000, 60), NOON, Step.WAIT),
        (Numbers(100, 3, 2000, 60), LATER, Step.PROMOTE),
        (Numbers(40, 0, 2000, 0), LATER, Step.WAIT),
        (Numbers(200, 12, 2000, 60), LATER, Step.WAIT),
    ],
    ids=["too few", "worse", "too early", "no worse", "too few to promote", "somewhat worse"],
)
def test_a_canary_is_settled_by_its_numbers_and_its_time(
    numbers: Numbers, now: datetime, expected: Step
) -> None:
    assert next_step(numbers, ends_at=LATER, now=now) is expected


@given(checked=st.integers(1, 10_000), data=st.data())
def test_the_interval_holds_the_share_it_is_about(checked: int, data: st.DataObject) -> None:
    failed = data.draw(st.integers(0, checked))

    low, high = wilson(failed, checked)

    assert 0 <= low <= failed / checked + 1e-9
    assert failed / checked - 1e-9 <= high <= 1


def test_looking_again_and_again_seldom_takes_back_a_version_that_is_as_good() -> None:
    chance = random.Random(7)
    taken_back = 0
    for _ in range(200):
        numbers = Numbers()
        for _ in range(60):
            numbers += drawn(chance, new=10, old=190, ratio=0.05)
            if next_step(numbers, ends_at=LATER, now=NOON) is Step.ROLL_BACK:
                taken_back += 1
                break

    assert taken_back <= 4


def test_a_version_that_refuses_five_times_as_much_is_taken_back_within_300_samples() -> None:
    chance = random.Random(7)
    for _ in range(50):
        numbers = Numbers()
        while next_step(numbers, ends_at=LATER, now=NOON) is Step.WAIT:
            new = drawn(chance, new=10, old=0, ratio=0.25)
            numbers += new + drawn(chance, new=0, old=190, ratio=0.05)
            assert numbers.new_checked <= 300


def drawn(chance: random.Random, *, new: int, old: int, ratio: float) -> Numbers:
    """Judgements that refuse with this probability."""
    return Numbers(
        new,
        sum(chance.random() < ratio for _ in range(new)),
        old,
        sum(chance.random() < ratio for _ in range(old)),
    )
