"""Group commit: many deliveries that arrive together are stored by one statement under one commit.

The next group is whatever arrived while the last one was being committed, so groups grow with the load and a lone
delivery waits for nobody.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from servicekit.errors import Unavailable

from lead_intake.store import deliveries

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database

    from lead_intake.store.deliveries import Arrival

log = structlog.get_logger()

GROUP_SIZE_MAX = 500
LOADED_SIZE = 8
LOADED_GATHER_S = 0.002
"""After a group of this size the next one gathers for a moment: a commit costs as much as a dozen deliveries."""

PRESSING_SIZE = 16
"""From this many deliveries at once on, storing goes before everything else."""

PRESSURE_LASTS_S = 0.05
"""How long after such a group more of the kind is expected: senders are reading their answers."""

RETRY_AFTER_S = 1.0


class GroupCommit:
    """Stores deliveries. `queue_max` bounds those that wait; `step` is run by a worker that `wake` starts."""

    def __init__(self, database: Database, *, queue_max: int) -> None:
        self._database = database
        self._queue_max = queue_max
        self._waiting: list[tuple[Arrival, asyncio.Future[UUID]]] = []
        self._under_way = 0
        self._last_size = 0
        self._pressed_until = 0.0
        self.wake = _nobody
        self.stored_count = 0

    @property
    def is_pressed(self) -> bool:
        """Whether senders are waiting in numbers."""
        is_crowded = len(self._waiting) + self._under_way >= PRESSING_SIZE
        return is_crowded or time.monotonic() < self._pressed_until

    def check_room(self) -> None:
        """Raises `Unavailable` when too many deliveries wait already."""
        if len(self._waiting) >= self._queue_max:
            raise Unavailable("too many deliveries are waiting", retry_after_s=RETRY_AFTER_S)

    async def store(self, arrival: Arrival) -> UUID:
        """The id under which the delivery is durably stored; an earlier one's when it is a repetition.

        Raises `Unavailable` when it is not known to be stored: the sender has to send it again.
        """
        self.check_room()
        stored: asyncio.Future[UUID] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, stored))
        self.wake()
        return await stored

    async def step(self) -> bool:
        """Stores what waits, as one group; says whether more has come meanwhile. Never raises."""
        if self._last_size >= LOADED_SIZE:
            await asyncio.sleep(LOADED_GATHER_S)
        group, self._waiting = self._waiting[:GROUP_SIZE_MAX], self._waiting[GROUP_SIZE_MAX:]
        self._last_size = len(group)
        if group:
            self._under_way = len(group)
            try:
                await self._flush(sorted(group, key=_place))
            finally:
                self._under_way = 0
            if len(group) >= PRESSING_SIZE:
                self._pressed_until = time.monotonic() + PRESSURE_LASTS_S
        return bool(self._waiting)

    async def _flush(self, group: list[tuple[Arrival, asyncio.Future[UUID]]]) -> None:
        try:
            async with self._database.raw() as raw:
                ids = await deliveries.store(
                    raw, [arrival for arrival, _ in group], received_at=datetime.now(UTC)
                )
        except Exception as error:  # noqa: BLE001 - whoever waits must be told to send again
            log.warning("group_not_stored", size=len(group), error=type(error).__name__)
            for _, stored in group:
                if not stored.done():
                    stored.set_exception(
                        Unavailable("the store is away", retry_after_s=RETRY_AFTER_S)
                    )
            return
        self.stored_count += len(group)
        for (_, stored), delivery_id in zip(group, ids, strict=True):
            if not stored.done():
                stored.set_result(delivery_id)


def _place(entry: tuple[Arrival, asyncio.Future[UUID]]) -> tuple[int, bytes]:
    return entry[0].account_id, entry[0].dedupe_key


def _nobody() -> None:
    """Nobody is to be woken."""
