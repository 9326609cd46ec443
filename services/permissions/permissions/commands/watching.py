"""What only permissions' own tables tell whoever is on call: seals that stop, processes that do not confirm."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from servicekit import metrics

from permissions.queries.offboarding import get_offboarding
from permissions.store import checkpoints, offboarding

if TYPE_CHECKING:
    from servicekit.database import Database

IDLE_S = 5.0
RECENT = timedelta(minutes=10)
OFFBOARDINGS_MAX = 100


class Watch:
    """Sets the metrics of seals and of late offboardings from the tables: every process tells the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def step(self) -> bool:
        """One look; False, so that a worker rests after it."""
        metrics.AUDIT_UNSEALED_S.set(await self._unsealed_s())
        metrics.OFFBOARDINGS_LATE.set(await self._late_count())
        return False

    async def _unsealed_s(self) -> float:
        async with self._database.unit_of_work() as uow:
            recorded_at = await checkpoints.oldest_unsealed(uow.raw)
            return (uow.now - recorded_at).total_seconds() if recorded_at else 0.0

    async def _late_count(self) -> int:
        async with self._database.raw() as raw:
            recent = await offboarding.recent(raw, RECENT, limit=OFFBOARDINGS_MAX)
        shown = [await get_offboarding(self._database, id_, now=now) for id_, now in recent]
        return sum(each.is_late for each in shown)
