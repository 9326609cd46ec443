"""How fresh systems are, how far they were asked, and who looks after them next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.freshness import LOOKED_BACK, SystemState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    import asyncpg

_HEAR = """
insert into system_states as kept (
  system, watermark, last_fact_at, last_lag_s, heard_at, asked_from, ask_failure_count
)
select system, watermark, last_fact_at, last_lag_s, last_fact_at, '', 0
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::float8[])
  as heard (system, watermark, last_fact_at, last_lag_s)
order by system
on conflict (system) do update set
  watermark = greatest(kept.watermark, excluded.watermark),
  last_lag_s = case when kept.last_fact_at > excluded.last_fact_at then kept.last_lag_s else excluded.last_lag_s end,
  last_fact_at = greatest(kept.last_fact_at, excluded.last_fact_at),
  heard_at = greatest(kept.heard_at, excluded.heard_at)
"""
_COUNT_LAGS = """
insert into system_lags as kept (system, hour, bucket, fact_count)
select * from unnest($1::text[], $2::timestamptz[], $3::smallint[], $4::int[]) order by 1, 2, 3
on conflict (system, hour, bucket) do update set fact_count = kept.fact_count + excluded.fact_count
"""
_FORGET_LAGS = "delete from system_lags where hour < $1"
_STATE = "system, watermark, last_fact_at, last_lag_s, heard_at, verified_at, stale_since"
_STATES = f"select {_STATE} from system_states"
_LOCK_STATES = f"select {_STATE} from system_states order by system for update skip locked"
_LAGS = "select system, bucket, sum(fact_count) from system_lags where hour > $1 group by 1, 2"
_SET_STALE = "update system_states set stale_since = $2 where system = $1"
_VERIFY = "update system_states set verified_at = $2 where system = any($1::text[])"
_BEGIN_ASKING = """
insert into system_states (system, last_lag_s, asked_from, ask_failure_count)
select unnest($1::text[]), 0, '', 0 order by 1 on conflict do nothing
"""
_CLAIM_ASKING = """
update system_states set ask_due_at = $2::timestamptz + $3::interval
where system in (
  select system from system_states
  where system = any($1::text[]) and coalesce(ask_due_at <= $2, true) order by system for update skip locked
)
returning system, asked_from, ask_failure_count
"""
_ASKED = """
update system_states set asked_from = $2, heard_at = $3, ask_due_at = $4, ask_failure_count = 0 where system = $1
"""
_ASKING_FAILED = """
update system_states set ask_due_at = $2, ask_failure_count = ask_failure_count + 1 where system = $1
"""
_OPEN_FAILURES = "select system, count(*) from sync_failures where resolved_at is null group by 1"
_UNSETTLED_WRITES = (
    "select system, count(*) from write_backs where state in (1, 2, 4, 5) group by 1"
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a batch of facts says about a system: the newest modification, and the last fact with its lag."""

    watermark: datetime
    last_fact_at: datetime
    last_lag_s: float


@dataclass(frozen=True, slots=True)
class Asking:
    """A system whose turn it is to be asked what changed since `asked_from`, its own word for how far that was."""

    system: str
    asked_from: str
    failure_count: int


async def hear(
    raw: asyncpg.Connection,
    heard: Mapping[str, Heard],
    lags: Mapping[tuple[str, datetime, int], int],
) -> None:
    """Keeps by system what a batch says, and by system, hour and step how late its facts were."""
    said = list(heard.values())
    await raw.execute(
        _HEAR,
        list(heard),
        [each.watermark for each in said],
        [each.last_fact_at for each in said],
        [each.last_lag_s for each in said],
    )
    systems, hours, buckets = zip(*lags, strict=True)
    await raw.execute(_COUNT_LAGS, list(systems), list(hours), list(buckets), list(lags.values()))


async def states(raw: asyncpg.Connection) -> Mapping[str, SystemState]:
    """How every system that was ever heard stands."""
    return {row[0]: SystemState(*row) for row in await raw.fetch(_STATES)}


async def lock_states(raw: asyncpg.Connection) -> Sequence[SystemState]:
    """The same for the rest of the transaction, without those that another replica looks at."""
    return [SystemState(*row) for row in await raw.fetch(_LOCK_STATES)]


async def lags(raw: asyncpg.Connection, *, now: datetime) -> Mapping[str, Mapping[int, int]]:
    """By system and step, how many facts of the last 24 hours were how late."""
    found: dict[str, dict[int, int]] = {}
    for system, bucket, count in await raw.fetch(_LAGS, now - LOOKED_BACK):
        found.setdefault(system, {})[bucket] = count
    return found


async def forget_lags(raw: asyncpg.Connection, *, before: datetime) -> None:
    """Forgets hours that nobody looks at any more."""
    await raw.execute(_FORGET_LAGS, before)


async def set_stale(raw: asyncpg.Connection, system: str, since: datetime | None) -> None:
    """Keeps since when a system is known to be late, or that it no longer is."""
    await raw.execute(_SET_STALE, system, since)


async def verify(raw: asyncpg.Connection, systems: Sequence[str], *, now: datetime) -> None:
    """Keeps that rows of these systems were compared."""
    await raw.execute(_VERIFY, sorted(systems), now)


async def claim_asking(
    raw: asyncpg.Connection, systems: Sequence[str], *, now: datetime, lease: timedelta
) -> Sequence[Asking]:
    """The systems whose turn it is to be asked; nobody else asks them before the lease ends."""
    await raw.execute(_BEGIN_ASKING, sorted(systems))
    return [Asking(*row) for row in await raw.fetch(_CLAIM_ASKING, list(systems), now, lease)]


async def asked(
    raw: asyncpg.Connection, system: str, *, until: str, now: datetime, due_at: datetime
) -> None:
    """Keeps how far a system was asked and that it answered."""
    await raw.execute(_ASKED, system, until, now, due_at)


async def asking_failed(raw: asyncpg.Connection, system: str, *, due_at: datetime) -> None:
    """Keeps that a system did not answer, and when it is asked again."""
    await raw.execute(_ASKING_FAILED, system, due_at)


async def open_failures(raw: asyncpg.Connection) -> Mapping[str, int]:
    """By system, how many fields and rows still cannot be read."""
    return {row[0]: row[1] for row in await raw.fetch(_OPEN_FAILURES)}


async def unsettled_writes(raw: asyncpg.Connection) -> Mapping[str, int]:
    """By system, how many writes wait, are under way, were refused or given up."""
    return {row[0]: row[1] for row in await raw.fetch(_UNSETTLED_WRITES)}
