"""Tells systems what stands: claims writes, sends them without any transaction open, and keeps what became of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from servicekit import telemetry
from servicekit.errors import Unavailable

from identity.commands.writing_back import Failed
from identity.connectors.protocol import ConnectorFailed, FieldsLocked, Write, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from servicekit.database import Database, UnitOfWork

    from identity.commands.writing_back import WritingBack
    from identity.connectors.protocol import Connector
    from identity.domain.write_backs import ClaimedWrite

log = structlog.get_logger()

IDLE_S = 0.25
WRITES_AT_ONCE = 8
KEEPING_TRIES_MAX = 6
LEASE = timedelta(seconds=60)
"""Longer than a write can take: its call ends after 10 s, each of at most two, its transaction after a few."""


class BackWriter:
    """Writes in steps that a worker runs."""

    def __init__(
        self, database: Database, writing: WritingBack, connectors: Mapping[str, Connector]
    ) -> None:
        self._database = database
        self._writing = writing
        self._connectors = connectors

    async def step(self) -> bool:
        """Writes what is due; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            claimed = await self._writing.claim(
                uow, list(self._connectors), lease=LEASE, limit=WRITES_AT_ONCE
            )
        async with asyncio.TaskGroup() as writes:
            for each in claimed:
                writes.create_task(self._write(each))
        return bool(claimed)

    async def _write(self, claimed: ClaimedWrite) -> None:
        row = self._writing.row_of(claimed)
        write = Write(claimed.record_key, row, claimed.idempotency_key, claimed.expected_version)
        try:
            if not (row and claimed.record_key):
                raise WriteRefused("nothing_to_write")
            with telemetry.internal_span("write back"):
                version = await self._connectors[claimed.system].write(write)
        except ConnectorFailed as failed:
            log.warning("write_back_failed", system=claimed.system, failure=failed.code)
            await self._kept(partial(self._keep_failure, claimed=claimed, failed=failed))
        else:
            await self._kept(partial(self._writing.written, claimed=claimed, version=version))

    async def _kept(self, keep: Callable[[UnitOfWork], Awaitable[None]]) -> None:
        """Keeps what became of a write, again at once while others change the same customers.

        Raises `Unavailable` when they do not stop: the write is sent again when its lease ends, and changes nothing.
        """
        for attempt in range(1, KEEPING_TRIES_MAX + 1):
            try:
                async with self._database.unit_of_work() as uow:
                    await keep(uow)
                    return
            except Unavailable as away:
                if attempt == KEEPING_TRIES_MAX:
                    raise
                await asyncio.sleep(away.retry_after_s * attempt)

    async def _keep_failure(
        self, uow: UnitOfWork, claimed: ClaimedWrite, failed: ConnectorFailed
    ) -> None:
        match failed:
            case FieldsLocked():
                await self._writing.locked(uow, claimed, failed.fields)
            case WriteRefused():
                await self._writing.refused(uow, claimed, failed.code)
            case _:
                failure = Failed(failed.code, failed.retry_after_s)
                await self._writing.put_off(uow, claimed, failure)
