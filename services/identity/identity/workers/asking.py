"""Asks systems what changed, those that do not tell by themselves; page by page, each in a transaction of its own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from servicekit import telemetry
from servicekit.errors import Unavailable
from servicekit.retry_schedule import DELAYS_S

from identity.commands.system_rows import take_in
from identity.connectors.protocol import ConnectorFailed
from identity.store import systems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import Database

    from identity.commands.system_rows import Desk
    from identity.connectors.protocol import Connector
    from identity.store.systems import Asking

log = structlog.get_logger()

IDLE_S = 1.0
INTERVAL = timedelta(seconds=5)
LEASE = timedelta(seconds=60)


class Asker:
    """Asks in steps that a worker runs; `interval` is how often a system is asked that had nothing more to say."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        connectors: Mapping[str, Connector],
        *,
        interval: timedelta = INTERVAL,
    ) -> None:
        self._database = database
        self._desk = desk
        self._connectors = connectors
        self._interval = interval

    async def step(self) -> bool:
        """Asks the systems whose turn it is for one page each; says whether one has more."""
        if not self._connectors:
            return False
        async with self._database.unit_of_work() as uow:
            claimed = await systems.claim_asking(
                uow.raw, list(self._connectors), now=uow.now, lease=LEASE
            )
        async with asyncio.TaskGroup() as questions:
            tasks = [questions.create_task(self._ask(each)) for each in claimed]
        return any(task.result() for task in tasks)

    async def _ask(self, asking: Asking) -> bool:
        try:
            with telemetry.internal_span("ask what changed"):
                return await self._take_page(asking)
        except (ConnectorFailed, Unavailable) as failed:
            code = failed.code if isinstance(failed, ConnectorFailed) else "store_away"
            log.warning("asking_failed", system=asking.system, failure=code)
        delay_s = DELAYS_S[min(asking.failure_count, len(DELAYS_S) - 1)]
        async with self._database.unit_of_work() as uow:
            due_at = uow.now + timedelta(seconds=delay_s)
            await systems.asking_failed(uow.raw, asking.system, due_at=due_at)
        return False

    async def _take_page(self, asking: Asking) -> bool:
        page = await self._connectors[asking.system].changed_since(asking.asked_from)
        async with self._database.unit_of_work() as uow:
            if page.rows:
                await take_in(uow, page.rows, self._desk)
            due_at = uow.now if page.has_more else uow.now + self._interval
            await systems.asked(
                uow.raw, asking.system, until=page.asked_until, now=uow.now, due_at=due_at
            )
        return page.has_more
