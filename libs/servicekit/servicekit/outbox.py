"""The outbox: events that were committed with their cause, until the relay has published them and a while longer.

Rows are taken in the order of their ids. An id is drawn at the very end of a transaction, after every row lock, so
two transactions that changed the same row have ids in the order of their commits: events of one key keep their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.events import OutgoingEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

_STORE = """
insert into outbox (event_id, event_type, key, payload, occurred_at, traceparent)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[], $6::text[])
"""
_UNPUBLISHED = """
select id, event_id, event_type, key, payload, occurred_at, traceparent
from (
  select *, sum(octet_length(payload)) over (order by id rows unbounded preceding) as bytes_so_far
  from (
    select id, event_id::text, event_type, key, payload, occurred_at, traceparent
    from outbox where published_at is null order by id limit $1
  ) as oldest
) as sized
where bytes_so_far - octet_length(payload) < $2 order by id
"""
_MARK = "update outbox set published_at = now() where id = any($1::bigint[])"
_PENDING = "select count(*) from outbox where published_at is null"
_REPLAY = """
update outbox set published_at = null
where occurred_at >= $1 and occurred_at < coalesce($2, 'infinity'::timestamptz) and published_at is not null
"""
_PRUNE = """
delete from outbox where id in (
  select id from outbox
  where occurred_at < $1 and published_at is not null
    and (select occurred_at from outbox order by id limit 1) < $1
  order by occurred_at limit $2
)
"""


async def store(raw: asyncpg.Connection, events: Sequence[OutgoingEvent]) -> None:
    """Writes events in one statement, in their order; part of the caller's transaction."""
    await raw.execute(
        _STORE,
        [event.event_id for event in events],
        [event.event_type for event in events],
        [event.key for event in events],
        [event.payload for event in events],
        [event.occurred_at for event in events],
        [event.traceparent for event in events],
    )


async def unpublished(
    raw: asyncpg.Connection, *, limit: int, bytes_max: int
) -> tuple[list[int], list[OutgoingEvent]]:
    """The next events to publish and their row ids, oldest first.

    At most `limit`, and none after those whose payloads have reached `bytes_max` together.
    """
    rows = await raw.fetch(_UNPUBLISHED, limit, bytes_max)
    return [row[0] for row in rows], [OutgoingEvent(*row[1:]) for row in rows]


async def mark_published(raw: asyncpg.Connection, row_ids: Sequence[int]) -> None:
    """Remembers that the server has acknowledged these rows."""
    await raw.execute(_MARK, row_ids)


async def pending_count(raw: asyncpg.Connection) -> int:
    """How many events wait to be published."""
    return int(await raw.fetchval(_PENDING))


async def replay(raw: asyncpg.Connection, *, since: datetime, until: datetime | None) -> int:
    """Lets the relay publish kept rows again, to rebuild a stream; returns how many."""
    return _affected(await raw.execute(_REPLAY, since, until))


async def prune(raw: asyncpg.Connection, *, before: datetime, limit: int = 5000) -> int:
    """Deletes published rows older than the replay window, at most `limit`; returns how many."""
    return _affected(await raw.execute(_PRUNE, before, limit))


def _affected(status: str) -> int:
    return int(status.rpartition(" ")[2])
