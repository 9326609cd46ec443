"""Watches how late systems are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit import metrics

from identity.commands.freshness import watch

if TYPE_CHECKING:
    from servicekit.database import Database

    from identity.domain.systems import Systems

IDLE_S = 10.0


class FreshnessWatch:
    """Watches in steps that a worker runs."""

    def __init__(self, database: Database, systems: Systems) -> None:
        self._database = database
        self._systems = systems

    async def step(self) -> bool:
        """Looks at every system once; never has more to do."""
        async with self._database.unit_of_work() as uow:
            late_s = await watch(uow, self._systems)
        for system, seconds in late_s.items():
            metrics.SYSTEM_LATE_S.labels(system).set(seconds)
        return False
