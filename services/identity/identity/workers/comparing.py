"""Runs the nightly comparison, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servicekit.database import Database

    from identity.commands.comparing import Comparing

IDLE_S = 30.0


class NightlyComparison:
    """Compares in steps that a worker runs; what time it is, the unit of work says."""

    def __init__(self, database: Database, comparing: Comparing) -> None:
        self._database = database
        self._comparing = comparing

    async def step(self) -> bool:
        """Compares a page if it is night; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            return await self._comparing.step(uow)
