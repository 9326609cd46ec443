"""Forgets under which key a steward asked for something, once nobody would try it again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from identity.store import acts

if TYPE_CHECKING:
    from servicekit.database import Database

IDLE_S = 600.0
KEEP = timedelta(days=30)


class StewardActs:
    """Forgets keys older than `keep`, some at a step."""

    def __init__(self, database: Database, *, keep: timedelta = KEEP) -> None:
        self._database = database
        self._keep = keep

    async def step(self) -> bool:
        """Forgets some; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            return await acts.forget(uow.raw, before=uow.now - self._keep)
