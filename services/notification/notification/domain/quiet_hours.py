"""Quiet hours: from when until when only what is important is sent (AS-14)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from notification.domain.kinds import QuietHours


def quiet_until(quiet: QuietHours, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours end in which `now` lies, by the clock of `zone`; None outside of them."""
    local = now.astimezone(zone)
    begins, ends = quiet.begins, quiet.ends
    clock = local.time()
    passes_midnight = ends <= begins
    is_quiet = clock >= begins or clock < ends if passes_midnight else begins <= clock < ends
    if not is_quiet:
        return None
    day = local.date()
    if passes_midnight and clock >= begins:
        day += timedelta(days=1)
    return datetime.combine(day, ends, tzinfo=zone)
