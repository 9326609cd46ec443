"""Forgetting what was told: first what cards showed, later the reminders themselves, a bounded batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification.domain.retention import OLDEST, first_id_of
from notification.store import retention as store

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database

    from notification.domain.retention import Kept

BATCH_SIZE = 1000
IDLE_S = 300.0


class Retention:
    """Forgets by a policy's days, oldest first; what may still be sent or proved to somebody in time is left alone."""

    def __init__(self, database: Database, kept: Kept) -> None:
        self._database = database
        self._kept = kept
        self._emptied_until: UUID = OLDEST

    async def step(self) -> bool:
        """Forgets one batch of each in one transaction; true when there may be more."""
        async with self._database.unit_of_work() as uow:
            deleted_count = await store.delete(
                uow.raw, before=first_id_of(uow.now - self._kept.reminders), limit=BATCH_SIZE
            )
            looked_at = await store.empty_cards(
                uow.raw,
                after=self._emptied_until,
                before=first_id_of(uow.now - self._kept.cards),
                limit=BATCH_SIZE,
            )
        self._emptied_until = max(looked_at, default=self._emptied_until)
        return BATCH_SIZE in (deleted_count, len(looked_at))
