"""How reminders of a window fared, by kind, and whether that was alarming at the last look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification.domain.health import Tally
from notification.domain.reminders import State
from notification.store.columns import columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

# What is held until the morning, or superseded, was not to be sent; what is younger than the delay may still arrive.
_TALLY = f"""
select kind_name, count(*), count(accepted_at), count(reached_at),
       count(*) filter (where reached_at < $3), count(*) filter (where reached_at < $3 and interacted_at is not null)
from reminders
where created_at >= $1 and created_at < $2 and state <> {State.SUPERSEDED:d}
  and not (state = {State.DUE:d} and next_attempt_at > $4)
group by kind_name order by kind_name
"""
_LOW = "select kind_name, low from kind_health for update"
_KEEP = """
insert into kind_health (kind_name, low, checked_at) select t.*, $3 from unnest($1::text[], $2::text[]) as t
on conflict (kind_name) do update set low = excluded.low, checked_at = excluded.checked_at
"""


async def tallies(
    raw: asyncpg.Connection,
    *,
    since: datetime,
    sent_before: datetime,
    opened_before: datetime,
    now: datetime,
) -> list[Tally]:
    """How far reminders got that were called for between two times.

    Those that reached somebody before `opened_before` may be expected to have been opened.
    """
    rows = await raw.fetch(_TALLY, since, sent_before, opened_before, now)
    return [Tally(*row) for row in rows]


async def lows(raw: asyncpg.Connection) -> dict[str, str]:
    """Which rates of each kind were low at the last look, locked until the transaction ends."""
    return {row[0]: row[1] for row in await raw.fetch(_LOW)}


async def keep(
    raw: asyncpg.Connection, lows_by_kind: Sequence[tuple[str, str]], *, now: datetime
) -> None:
    """Keeps which rates are low now, by kind."""
    if lows_by_kind:
        await raw.execute(_KEEP, *columns(lows_by_kind), now)
