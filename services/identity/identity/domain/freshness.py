"""How late what a system says is, and when that is too late (ID-06, ID-13)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from identity.domain.systems import SystemPolicy

BUCKETS_PER_DOUBLING = 4
BUCKET_MAX = 120
"""Lags are counted in steps of 2**(1/4), 19 %, from 10 ms to four months."""

SHORTEST_LAG_S = 0.01
LOOKED_BACK = timedelta(hours=24)
"""The facts whose lags make up the percentiles."""


@dataclass(frozen=True, slots=True)
class SystemState:
    """What was heard of a system.

    `watermark` is the newest time of modification by its own clock, `last_fact_at` when its last fact came,
    `last_lag_s` how late that was, `heard_at` the last fact or the last question that it answered, `verified_at` when
    its rows were last compared. `stale_since` is set while people know that it is late.
    """

    system: str
    watermark: datetime | None = None
    last_fact_at: datetime | None = None
    last_lag_s: float = 0.0
    heard_at: datetime | None = None
    verified_at: datetime | None = None
    stale_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a system stands: `delay_s` is the delay now, and whether that is more than it may be."""

    delay_s: float
    is_overdue: bool


def lag_bucket(lag_s: float) -> int:
    """The step of a lag; a negative one, from a clock ahead of ours, is the shortest."""
    if lag_s <= SHORTEST_LAG_S:
        return 0
    step = math.ceil(math.log2(lag_s / SHORTEST_LAG_S) * BUCKETS_PER_DOUBLING)
    return min(BUCKET_MAX, step)


def bucket_lag_s(bucket: int) -> float:
    """The longest lag of a step, in seconds."""
    return SHORTEST_LAG_S * float(2 ** (bucket / BUCKETS_PER_DOUBLING))


def percentile_s(counts: Mapping[int, int], share: float) -> float | None:
    """The lag that `share` of the counted facts did not exceed, at most 19 % too high; None without facts."""
    wanted = share * sum(counts.values())
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted:
            return bucket_lag_s(bucket)
    return None


def standing(state: SystemState, policy: SystemPolicy, *, now: datetime) -> Standing | None:
    """How late a system is: by its last fact, or by how long it is silent beyond its habit; None if never heard."""
    if state.heard_at is None:
        return None
    silent_s = (now - state.heard_at - policy.expected_every).total_seconds()
    is_last_word = state.last_fact_at is not None and state.last_fact_at >= state.heard_at
    late_s = state.last_lag_s if is_last_word else 0.0
    delay_s = max(0.0, silent_s, late_s)
    return Standing(delay_s, delay_s > policy.delay_max.total_seconds())
