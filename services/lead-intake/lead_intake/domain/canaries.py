"""Canaries: when a version that judges a share of the traffic is promoted or taken back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

PERCENT: Final = 5
"""Share of the traffic that a new version judges at first (feature DX-08)."""

DURATION_S: Final = 3 * 24 * 3600
"""How long it does, in seconds: three days of evidence (feature DX-08)."""

SAMPLES_MIN: Final = 20
"""Fewer judgements of the new version say nothing."""

PROMOTION_SAMPLES_MIN: Final = 50
Z_WORSE: Final = 3.0
"""Half width of the intervals in standard errors. Wide, because the question is asked again and again."""

TOLERANCE: Final = 0.02
"""How much more a new version may refuse and still be promoted by itself."""


class Step(StrEnum):
    """What to do about a canary."""

    WAIT = "wait"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Judgements of the new version and of the one in force, and how many of each refused."""

    new_checked: int = 0
    new_failed: int = 0
    old_checked: int = 0
    old_failed: int = 0

    def __add__(self, other: Numbers) -> Numbers:
        return Numbers(
            self.new_checked + other.new_checked,
            self.new_failed + other.new_failed,
            self.old_checked + other.old_checked,
            self.old_failed + other.old_failed,
        )

    @property
    def new_ratio(self) -> float:
        """Share that the new version refused, 0 to 1."""
        return self.new_failed / self.new_checked if self.new_checked else 0.0

    @property
    def old_ratio(self) -> float:
        """Share that the version in force refused, 0 to 1."""
        return self.old_failed / self.old_checked if self.old_checked else 0.0


def next_step(numbers: Numbers, *, ends_at: datetime, now: datetime) -> Step:
    """What the numbers say: taken back as soon as it is surely worse, promoted after its time when it is no worse."""
    if numbers.new_checked >= SAMPLES_MIN and is_surely_worse(numbers):
        return Step.ROLL_BACK
    has_ended = now >= ends_at and numbers.new_checked >= PROMOTION_SAMPLES_MIN
    if has_ended and numbers.new_ratio <= numbers.old_ratio + TOLERANCE:
        return Step.PROMOTE
    return Step.WAIT


def is_surely_worse(numbers: Numbers) -> bool:
    """Whether the intervals of the two shares do not touch, and the new one's is above."""
    new_low, _ = wilson(numbers.new_failed, numbers.new_checked)
    _, old_high = wilson(numbers.old_failed, numbers.old_checked)
    return new_low > old_high


def wilson(failed: int, checked: int, *, z: float = Z_WORSE) -> tuple[float, float]:
    """Wilson's score interval of a share, each bound 0 to 1; (0, 1) without samples."""
    if not checked:
        return 0.0, 1.0
    ratio = failed / checked
    spread = z * z / checked
    middle = (ratio + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(ratio * (1 - ratio) / checked + spread / (4 * checked))
    return max(0.0, middle - half), min(1.0, middle + half)
