"""Which span of time is compared next with what a sender has, and when again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

INTERVAL = timedelta(minutes=10)
OVERLAP = timedelta(hours=2)
"""How far each comparison looks back behind the last one: senders list some leads late."""

PERMANENT_INTERVAL = timedelta(hours=1)
NOT_ASKED_INTERVAL = timedelta(minutes=1)
"""How soon an account is looked at again that has not yet got what it takes to be compared."""

FAILURES_UNTIL_TOLD = 5
FAILURE_DELAYS_S = (10.0, 30.0, 120.0, 600.0)
"""Seconds before each new try; the last one repeats for as long as the sender is away."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a comparison failed; `retry_after_s` where the sender said how long to leave it alone.

    `is_worth_telling` is false where nobody asked for a comparison.
    """

    code: str
    is_permanent: bool = False
    retry_after_s: float | None = None
    is_worth_telling: bool = True


def next_window(
    compared_until: datetime, *, now: datetime, window_max: timedelta
) -> tuple[datetime, datetime]:
    """The span to compare: from the overlap behind the watermark on, as far as may be asked at once, never past `now`.

    It always ends past the watermark, so that one window after the other comes to the present.
    """
    since = compared_until - min(OVERLAP, window_max / 2)
    return since, max(since, min(now, since + window_max))


def delay_until_next(*, until: datetime, now: datetime) -> timedelta:
    """When to compare again after a success: at once while there is a rest."""
    return INTERVAL if until >= now else timedelta(0)


def delay_after(failure: Failure, *, failure_count: int) -> timedelta:
    """When to try again after the failure number `failure_count` (from 1) in a row."""
    if not failure.is_worth_telling:
        return NOT_ASKED_INTERVAL
    if failure.is_permanent:
        return PERMANENT_INTERVAL
    usual = FAILURE_DELAYS_S[min(failure_count, len(FAILURE_DELAYS_S)) - 1]
    return timedelta(seconds=max(usual, failure.retry_after_s or 0.0))


def is_to_be_told(failure: Failure, *, failure_count: int) -> bool:
    """Whether a row of failures is long or bad enough for people to know."""
    is_bad = failure.is_permanent or failure_count >= FAILURES_UNTIL_TOLD
    return failure.is_worth_telling and is_bad
