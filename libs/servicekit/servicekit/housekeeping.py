"""What keeps a service's own tables small and its backlog visible."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from servicekit import inbox, metrics, outbox
from servicekit.polling import Poller

if TYPE_CHECKING:
    from servicekit.database import Database
    from servicekit.settings import ServiceSettings

INTERVAL_S = 5.0
PRUNE_LIMIT = 5000

_BACKLOG = """
select count(*), greatest(coalesce(extract(epoch from now() - min(occurred_at)), 0), 0)::float8
from outbox where published_at is null
"""
_LETTERS = "select consumer, count(*) from dead_letters group by consumer"


def housekeeping(database: Database, settings: ServiceSettings) -> Poller:
    """A worker that measures the backlog every 5 s and forgets what is older than it must be kept."""

    async def step() -> bool:
        await _measure(database)
        return await _prune(database, settings)

    return Poller("housekeeping", step, idle_s=INTERVAL_S)


async def _measure(database: Database) -> None:
    async with database.raw() as raw:
        pending, lag_s = await raw.fetchrow(_BACKLOG)
        letters = await raw.fetch(_LETTERS)
    metrics.OUTBOX_PENDING.set(pending)
    metrics.OUTBOX_LAG_S.set(lag_s)
    metrics.DEAD_LETTERS.clear()
    for consumer, count in letters:
        metrics.DEAD_LETTERS.labels(consumer).set(count)


async def _prune(database: Database, settings: ServiceSettings) -> bool:
    """Forgets old rows; says whether there may be more."""
    async with database.unit_of_work() as uow:
        published_before = uow.now - timedelta(days=settings.outbox_kept_days)
        handled_before = uow.now - timedelta(days=settings.inbox_kept_days)
        pruned = await outbox.prune(uow.raw, before=published_before, limit=PRUNE_LIMIT)
        forgotten = await inbox.prune(uow.raw, before=handled_before, limit=PRUNE_LIMIT)
    return PRUNE_LIMIT in (pruned, forgotten)
