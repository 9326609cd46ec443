"""When a failed message is tried again, and when it is given up."""

from __future__ import annotations

DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds before each retry; together 12.6 minutes, longer than a deployment or a failover."""

OUTAGE_DELAY_S = 2.0
"""Seconds before a message comes again whose database was away; such a try is not counted."""

CRASHES_MAX = 5
"""Tries of a message alone that may begin and never end; after them it counts as one that kills the process."""


def next_delay_s(attempt_count: int, delays_s: tuple[float, ...] = DELAYS_S) -> float | None:
    """Seconds to wait after the failed try number `attempt_count` (from 1); None when it is time to quarantine."""
    return delays_s[attempt_count - 1] if attempt_count <= len(delays_s) else None
