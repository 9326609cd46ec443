"""The enricher: fetches the bodies of leads of which a channel sent only the ids.

No transaction is open during a fetch. An item is leased instead: if the process dies, the lease ends and another takes
the item.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from servicekit import telemetry

from lead_intake.clients import FetchFailed
from lead_intake.commands import mapping
from lead_intake.commands.mapping import Fetched
from lead_intake.store import items

if TYPE_CHECKING:
    from servicekit.database import Database

    from lead_intake.clients import GraphApi
    from lead_intake.commands.keeping import Desk
    from lead_intake.store.items import LeasedItem

BATCH_SIZE_MAX = 128
FETCHES_MAX = 32
LEASE = timedelta(seconds=60)
"""Longer than a batch can take: its fetches end after 5 s each, 32 at a time."""

IDLE_S = 0.25


class Enricher:
    """Fetches and settles in steps that a worker runs. `retry_scale` multiplies the delays between tries."""

    def __init__(
        self, database: Database, desk: Desk, graph: GraphApi, *, retry_scale: float
    ) -> None:
        self._database = database
        self._desk = desk
        self._graph = graph
        self._retry_scale = retry_scale
        self._slots = asyncio.Semaphore(FETCHES_MAX)

    async def step(self) -> bool:
        """Fetches the bodies that are due; says whether there may be more."""
        async with self._database.raw() as raw:
            if not await items.is_any_due(raw):
                return False
        async with self._database.unit_of_work() as uow:
            leased = await items.lease(uow.raw, limit=BATCH_SIZE_MAX, duration=LEASE)
        if not leased:
            return False
        async with asyncio.TaskGroup() as fetches:
            tasks = [fetches.create_task(self._fetch(item)) for item in leased]
        outcomes = [task.result() for task in tasks]
        async with self._database.unit_of_work() as uow:
            await mapping.settle_fetched(uow, outcomes, self._desk, retry_scale=self._retry_scale)
        return len(leased) == BATCH_SIZE_MAX

    async def _fetch(self, item: LeasedItem) -> Fetched:
        account = self._desk.accounts.with_id(item.account_id)
        token = account.secrets.access_token if account is not None else ""
        async with self._slots:
            with telemetry.internal_span("fetch lead", parent=item.traceparent):
                try:
                    body = await self._graph.lead(item.external_id, access_token=token)
                except FetchFailed as failure:
                    return Fetched(item, None, str(failure))
        return Fetched(item, body, None)
