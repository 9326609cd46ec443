"""Follow-up rates, targets, and when deadlines are missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporting.domain.rates import (
    Grouping,
    MissedWeek,
    Period,
    Rates,
    Tally,
    TargetReport,
    lines_of,
    regrouped,
)
from reporting.store import rates as store

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    import asyncpg
    from servicekit.database import Database

    from reporting.domain.rates import WantedRates, WantedWeek


async def get_rates(
    database: Database, wanted: WantedRates, *, manager_of: Callable[[str], str], as_of: datetime
) -> Rates:
    """Rates of a period, and of the one before; both are due by the same moment."""
    async with database.raw() as raw:
        now, newest = await _tallies(raw, wanted.period, wanted.grouping, manager_of, as_of)
        before, newest_before = None, None
        if wanted.before is not None:
            before, newest_before = await _tallies(
                raw, wanted.before, wanted.grouping, manager_of, as_of
            )
    total, lines = lines_of(now, before)
    shown = [] if wanted.grouping is Grouping.NONE else lines
    return Rates(total, shown, as_of, _newest(newest, newest_before))


async def get_targets(database: Database, *, until: datetime, window: timedelta) -> TargetReport:
    """The rate of the window that ends at `until`, and how soon leads were contacted in it and in the one before."""
    middle, start = until - window, until - window * 2
    async with database.raw() as raw:
        counts, newest = await store.tallies(
            raw, Period(middle, until), by=Grouping.CHANNEL, as_of=until
        )
        now, newest_now = await store.response_times(raw, middle, until)
        before, newest_before = await store.response_times(raw, start, middle)
    total, _ = lines_of(counts, None)
    return TargetReport(total.counts, now, before, _newest(newest, newest_now, newest_before))


async def get_missed(
    database: Database, wanted: WantedWeek, *, manager_of: Callable[[str], str], as_of: datetime
) -> MissedWeek:
    """When in the week deadlines are missed, of those that are over `as_of`."""
    async with database.raw() as raw:
        hours, newest = await store.missed(
            raw,
            wanted.period,
            deadline_h=wanted.deadline_h,
            rep_ids=await _reps(raw, wanted, manager_of),
            time_zone=wanted.time_zone,
            as_of=as_of,
        )
    return MissedWeek(hours, wanted.deadline_h, wanted.time_zone, as_of, newest)


async def _tallies(
    raw: asyncpg.Connection,
    period: Period,
    grouping: Grouping,
    manager_of: Callable[[str], str],
    as_of: datetime,
) -> tuple[dict[str, Tally], datetime | None]:
    by = Grouping.REP if grouping is Grouping.TEAM else grouping
    by = Grouping.CHANNEL if by is Grouping.NONE else by
    tallies, newest = await store.tallies(raw, period, by=by, as_of=as_of)
    return (regrouped(tallies, manager_of) if grouping is Grouping.TEAM else tallies), newest


async def _reps(
    raw: asyncpg.Connection, wanted: WantedWeek, manager_of: Callable[[str], str]
) -> list[str] | None:
    if not wanted.rep_id and not wanted.manager_id:
        return None
    known = [wanted.rep_id] if wanted.rep_id else await store.reps(raw)
    return [rep for rep in known if not wanted.manager_id or manager_of(rep) == wanted.manager_id]


def _newest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
