"""The inbox: each consumer's claim on an event, so that an effect happens once however often the event comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

_CLAIM = """
insert into inbox (consumer, event_id)
select $1, event_id from unnest($2::uuid[]) as event_id order by event_id
on conflict do nothing returning event_id::text
"""
_PRUNE = """
delete from inbox where (consumer, event_id) in (
  select consumer, event_id from inbox where handled_at < $1 order by handled_at limit $2
)
"""


async def claim(raw: asyncpg.Connection, consumer: str, event_ids: Sequence[str]) -> set[str]:
    """Claims events for a consumer and returns those that nobody had claimed.

    Waits for another transaction that is claiming the same event, and takes the claims in order of id, so that two
    replicas with overlapping batches cannot deadlock.
    """
    rows = await raw.fetch(_CLAIM, consumer, event_ids)
    return {row[0] for row in rows}


async def prune(raw: asyncpg.Connection, *, before: datetime, limit: int = 5000) -> int:
    """Forgets claims older than any redelivery can be, at most `limit`; returns how many."""
    status: str = await raw.execute(_PRUNE, before, limit)
    return int(status.rpartition(" ")[2])
