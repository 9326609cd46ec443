"""The quarantine watch: looks every few seconds whether too much of an account waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lead_intake.commands.quarantine import watch_quarantine

if TYPE_CHECKING:
    from servicekit.database import Database

IDLE_S = 15.0


class QuarantineWatch:
    """Watches in steps that a worker runs; of several replicas one tells each alarm."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def step(self) -> bool:
        """Looks once."""
        async with self._database.unit_of_work() as uow:
            await watch_quarantine(uow)
        return False
