"""Which revision each process that decides by itself has applied, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.domain.facts import Confirmation, ReplicaState

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import asyncpg

    from permissions.domain.facts import Applied

_CONFIRM = """
insert into confirmations (service, instance_id, revision, applied_at, confirmed_at, heard_at)
values ($1, $2, $3, $4, clock_timestamp(), clock_timestamp())
on conflict (service, instance_id, revision) do update set heard_at = excluded.heard_at
"""
_STATES = """
with moment as materialized (select coalesce($2::timestamptz, clock_timestamp()) as at)
select known.service, known.instance_id, said.revision, said.applied_at, said.confirmed_at
from (
  select distinct service, instance_id from confirmations, moment
  where heard_at >= moment.at - $3::interval and confirmed_at <= moment.at
) as known
left join lateral (
  select revision, applied_at, confirmed_at from confirmations as c
  where c.service = known.service and c.instance_id = known.instance_id and c.revision >= $1
  order by c.revision limit 1
) as said on true
order by known.service, known.instance_id
"""
_FORGET = "delete from confirmations where heard_at < $1"


async def confirm(raw: asyncpg.Connection, applied: Applied) -> None:
    """Notes how far a replica has come, and that it was heard; what it said first of a revision stands."""
    await raw.execute(
        _CONFIRM, applied.service, applied.instance_id, applied.revision, applied.applied_at
    )


async def states_at(
    raw: asyncpg.Connection, revision: int, *, known_for: timedelta, at: datetime | None
) -> list[ReplicaState]:
    """Of every replica heard shortly before `at` (now, when None), whether it confirmed `revision` or a later one."""
    return [_state(*row) for row in await raw.fetch(_STATES, revision, at, known_for)]


async def forget_before(raw: asyncpg.Connection, before: datetime) -> None:
    """Forgets what was last said before then."""
    await raw.execute(_FORGET, before)


def _state(
    service: str,
    instance_id: str,
    revision: int | None,
    applied_at: datetime | None,
    confirmed_at: datetime | None,
) -> ReplicaState:
    if revision is None or applied_at is None or confirmed_at is None:
        return ReplicaState(service, instance_id, None)
    said = Confirmation(service, instance_id, revision, applied_at, confirmed_at)
    return ReplicaState(service, instance_id, said)
