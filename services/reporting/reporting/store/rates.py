"""Assignments counted by what became of them, when deadlines were missed, and how soon leads were contacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporting.domain.rates import DEADLINES_H, Grouping, MissedHour, ResponseTimes, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from reporting.domain.rates import Period

_KEYS = {Grouping.REP: "rep_id", Grouping.CHANNEL: "channel"}


def _tallies_statement(key: str) -> str:
    return f"""
select {key}, count(*), count(excluded_by), count(*) filter (where is_open and not due_72),
       count(effective_at) filter (where is_open and not due_72),
       count(*) filter (where due_24), count(*) filter (where due_24 and effective_at <= due_24_at),
       count(*) filter (where due_48), count(*) filter (where due_48 and effective_at <= due_48_at),
       count(*) filter (where due_72), count(*) filter (where due_72 and effective_at <= due_72_at),
       count(*) filter (where due_72 and effective_at > due_72_at),
       count(*) filter (where due_72 and effective_at is null), max(newest_at)
from (
  select *, excluded_by is null as is_open,
         excluded_by is null and coalesce(due_24_at <= $3, false) as due_24,
         excluded_by is null and coalesce(due_48_at <= $3, false) as due_48,
         excluded_by is null and coalesce(due_72_at <= $3, false) as due_72
  from assignment_outcomes
  where assigned_at >= coalesce($1, '-infinity'::timestamptz) and assigned_at < $2
) as counted
group by 1
"""


def _missed_statement(deadline_h: int) -> str:
    return f"""
select extract(isodow from ended)::int, extract(hour from ended)::int, count(*),
       count(*) filter (where effective_at is null or effective_at > due_at), max(newest_at)
from (
  select due_{deadline_h}_at as due_at, due_{deadline_h}_at at time zone $4 as ended, effective_at, newest_at
  from assignment_outcomes
  where assigned_at >= coalesce($1, '-infinity'::timestamptz) and assigned_at < $2 and excluded_by is null
    and due_{deadline_h}_at <= $5 and ($3::text[] is null or rep_id = any($3))
) as over
group by 1, 2 order by 1, 2
"""


_TALLIES = {grouping: _tallies_statement(key) for grouping, key in _KEYS.items()}
_MISSED = {deadline_h: _missed_statement(deadline_h) for deadline_h in DEADLINES_H}
_REPS = "select distinct rep_id from assignments"
_RESPONSE = """
select count(*), count(contacted_at), percentile_disc(array[0.5, 0.9]) within group (order by response_s),
       max(greatest(assigned_at, contacted_at))
from (
  select facts.assigned_at, contacted_at,
         case when contacted_at is null then 'infinity'
              else greatest(extract(epoch from contacted_at - facts.assigned_at)::float8, 0) end as response_s
  from assignments as a join lead_facts as facts using (lead_id)
  where a.number = 1 and a.assigned_at >= $1 and a.assigned_at < $2
    and (contacted_at is not null or (merged_at is null and withdrawn_at is null))
) as leads
"""
_ENDLESS = float("inf")


async def tallies(
    raw: asyncpg.Connection, period: Period, *, by: Grouping, as_of: datetime
) -> tuple[dict[str, Tally], datetime | None]:
    """Assignments that began in a period, by rep or channel, as they stood `as_of`; and the newest fact among them."""
    rows = await raw.fetch(_TALLIES[by], period.since, period.until, as_of)
    newest = max((row[-1] for row in rows), default=None)
    return {row[0]: Tally(*row[1:-1]) for row in map(tuple, rows)}, newest


async def missed(
    raw: asyncpg.Connection,
    period: Period,
    *,
    deadline_h: int,
    rep_ids: Sequence[str] | None,
    time_zone: str,
    as_of: datetime,
) -> tuple[list[MissedHour], datetime | None]:
    """Deadlines, over `as_of`, of assignments that began in a period, by hour of the week; `rep_ids` None for all."""
    arguments = (period.since, period.until, rep_ids, time_zone, as_of)
    rows = await raw.fetch(_MISSED[deadline_h], *arguments)
    newest = max((row[-1] for row in rows), default=None)
    return [MissedHour(*row[:-1]) for row in map(tuple, rows)], newest


async def reps(raw: asyncpg.Connection) -> list[str]:
    """Everybody who was ever given a lead."""
    return [row[0] for row in await raw.fetch(_REPS)]


async def response_times(
    raw: asyncpg.Connection, since: datetime, until: datetime
) -> tuple[ResponseTimes, datetime | None]:
    """How soon leads first assigned in a window were contacted, and the newest fact among them."""
    leads, contacted, percentiles, newest = await raw.fetchrow(_RESPONSE, since, until)
    median_s, p90_s = (None if each == _ENDLESS else each for each in percentiles or (None, None))
    return ResponseTimes(since, until, leads, contacted, median_s, p90_s), newest
