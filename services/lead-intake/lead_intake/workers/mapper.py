"""The mapper: takes stored deliveries apart, behind the door's back.

Hidden decision: when. Letting deliveries in goes first, so while senders wait in numbers the mapper takes only a
batch now and then; a burst is stored at full speed and worked off after it. Batches are gathered for a moment: a
transaction costs the same for one delivery as for fifty.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lead_intake.commands import mapping

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicekit.database import Database

    from lead_intake.commands.keeping import Desk
    from lead_intake.workers.group_commit import GroupCommit

BATCH_SIZE_MAX = 250
GATHER_S = 0.03
"""How long deliveries gather before the next batch: the most that one waits for the mapper when it is idle."""

PRESSED_INTERVAL_S = 2.0
PRESSED_FOR_S_MAX = 5.0
"""Pressure that lasts longer is no burst but the load, and mapping takes its full share."""

LOOK_ANYWAY_S = 1.0
"""How often the mapper looks for deliveries that it was not told of: a replica's, a replay's, a dead process's."""


class Mapper:
    """Maps in steps that a worker runs. `on_awaiting` is called when a batch left bodies to be fetched."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        commits: GroupCommit,
        *,
        on_awaiting: Callable[[], None],
    ) -> None:
        self._database = database
        self._desk = desk
        self._commits = commits
        self._on_awaiting = on_awaiting
        self._stored_count = -1
        self._last_batch_s = float("-inf")
        self._calm_at_s = time.monotonic()

    async def step(self) -> bool:
        """Maps one batch if it is time for one; says whether there may be more."""
        if not self._is_time():
            return False
        self._last_batch_s = time.monotonic()
        stored_count = self._commits.stored_count
        async with self._database.unit_of_work() as uow:
            mapped = await mapping.map_received(uow, self._desk, limit=BATCH_SIZE_MAX)
        if mapped.awaiting_count:
            self._on_awaiting()
        is_full = mapped.delivery_count == BATCH_SIZE_MAX
        if not is_full:
            self._stored_count = stored_count
        return is_full

    def look(self) -> None:
        """Makes the next step look into the database, whatever was stored here."""
        self._stored_count = -1

    def _is_time(self) -> bool:
        now_s = time.monotonic()
        waited_s = now_s - self._last_batch_s
        if not self._commits.is_pressed:
            self._calm_at_s = now_s
        elif now_s - self._calm_at_s < PRESSED_FOR_S_MAX:
            return waited_s >= PRESSED_INTERVAL_S
        return waited_s >= LOOK_ANYWAY_S or self._commits.stored_count != self._stored_count
