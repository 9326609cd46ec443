"""Working out who has the tags that have a rule for machines."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from identity.store import computed_tags as store

if TYPE_CHECKING:
    from servicekit.database import Database

log = structlog.get_logger()

COMPUTED_EVERY = timedelta(hours=1)
IDLE_S = 30.0


class ComputedTags:
    """The worker; each step works out one tag that is due."""

    def __init__(self, database: Database, *, every: timedelta = COMPUTED_EVERY) -> None:
        self._database = database
        self._every = every

    async def step(self) -> bool:
        """Works out one tag; says whether there was one."""
        async with self._database.unit_of_work() as uow:
            due = await store.next_due(uow.raw, before=uow.now - self._every)
            if due is None:
                return False
            tag_id, computation = due
            window = timedelta(days=computation.within_days)
            given, ended = await store.settle(
                uow.raw, tag_id, computation, now=uow.now, window=window
            )
        log.info("tag_computed", tag_id=tag_id, given_count=given, ended_count=ended)
        return True
