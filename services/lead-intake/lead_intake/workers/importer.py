"""The importer: lets chunks of rows in, withdraws what is undone, forgets old files.

Hidden decision: how much at once. Live deliveries go first: while senders wait in numbers, rows wait. Two chunks are
under way at a time, one in the database while the other is read; a process that dies leaves chunks that others take.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from leadchain.intake.v1 import import_events_pb2

from lead_intake.commands import imports_running
from lead_intake.domain.imports import ImportState
from lead_intake.importing.columns import columns_of
from lead_intake.importing.sealed_rows import open_texts
from lead_intake.store import imports, imports_chunks, imports_parts
from lead_intake.wire import imports as wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import Database, UnitOfWork

    from lead_intake.commands.keeping import Desk
    from lead_intake.domain.imports import ImportId
    from lead_intake.importing.columns import Columns
    from lead_intake.importing.templates import Template
    from lead_intake.store.imports_chunks import WaitingChunk
    from lead_intake.workers.group_commit import GroupCommit

log = structlog.get_logger()

CHUNKS_AT_ONCE = 2
CHUNKS_AHEAD = 16
CHUNKS_TOGETHER = 4
COLUMNS_REMEMBERED = 32
HOLD = timedelta(seconds=5)
"""How long a file stays with a process that is not heard of: longer than one step of splitting takes."""

IDLE_S = 0.25
LOOK_AGAIN_S = 0.05
PRESSED_INTERVAL_S = 2.0
"""While senders wait in numbers at the door, rows are let in this seldom."""

KEPT_FOR = timedelta(days=7)
EXPIRED_AT_ONCE = 50
EXPIRY_IDLE_S = 60.0


class Importer:
    """Lets chunks in, and withdraws what is undone, in steps that a worker runs.

    `rows_per_s_max` bounds the pace of this process.
    """

    def __init__(
        self,
        database: Database,
        desk: Desk,
        templates: Mapping[str, Template],
        commits: GroupCommit,
        *,
        rows_per_s_max: int,
    ) -> None:
        self._database = database
        self._desk = desk
        self._templates = templates
        self._commits = commits
        self._rows_per_s_max = rows_per_s_max
        self._free_at_s = 0.0
        self._last_s = float("-inf")
        self._columns: dict[ImportId, Columns] = {}

    async def step(self) -> bool:
        """Lets a few chunks in if it is time for them; says whether there may be more."""
        wait_s = self._wait_s()
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, LOOK_AGAIN_S))
            return True
        if not await self._has_work():
            return False
        self._last_s = time.monotonic()
        async with asyncio.TaskGroup() as running:
            tasks = [running.create_task(self._run_chunk()) for _ in range(CHUNKS_AT_ONCE)]
        row_count = sum(task.result() for task in tasks)
        self._free_at_s = self._last_s + row_count / self._rows_per_s_max
        return bool(row_count) or await self._finish() or await self._undo()

    async def _has_work(self) -> bool:
        async with self._database.raw() as raw:
            return await imports.under_way(raw)

    def _wait_s(self) -> float:
        now_s = time.monotonic()
        if self._commits.is_pressed:
            return max(self._free_at_s, self._last_s + PRESSED_INTERVAL_S) - now_s
        return self._free_at_s - now_s

    async def _run_chunk(self) -> int:
        async with self._database.unit_of_work() as uow:
            chunk = await imports_chunks.claim(uow.raw)
            if chunk is None:
                return 0
            columns = self._columns_of(chunk)
            counts = await imports_running.run_chunk(uow, chunk, columns, desk=self._desk)
        return counts.done

    def _columns_of(self, chunk: WaitingChunk) -> Columns:
        known = self._columns.get(chunk.import_id)
        if known is None:
            ring = self._desk.seals.ring
            header = open_texts(ring, chunk.sealed_header, chunk.import_id, "header")
            known = columns_of(header, self._templates[chunk.template])
            if len(self._columns) >= COLUMNS_REMEMBERED:
                self._columns.clear()
            self._columns[chunk.import_id] = known
        return known

    async def _finish(self) -> bool:
        """Ends an import of which every row has its outcome; says whether there was one."""
        async with self._database.unit_of_work() as uow:
            import_id = await imports_chunks.complete_import(uow.raw)
            if import_id is None:
                return False
            await imports.set_state(uow.raw, import_id, ImportState.FINISHED, now=uow.now)
            one = await imports.get(uow.raw, import_id)
            tally = (await imports.tallies(uow.raw, [import_id])).get(import_id, imports.Tally())
            assert one is not None
            uow.publish(wire.finished(one, tally.counts), key=str(import_id))
        return True

    async def _undo(self) -> bool:
        async with self._database.unit_of_work() as uow:
            claimed = await imports_chunks.claim_undo(uow.raw)
            if claimed is None:
                return await self._end_undo(uow)
            chunk_id, import_id, stated_count = claimed
            withdrawn = await imports_chunks.withdraw(uow.raw, chunk_id)
            lead_ids = [str(lead_id) for lead_id, was_lead in withdrawn if was_lead]
            kept = max(0, stated_count - len(lead_ids))
            await imports.add_withdrawn(uow.raw, import_id, withdrawn=len(lead_ids), kept=kept)
            if lead_ids:
                event = import_events_pb2.LeadsWithdrawn(
                    import_id=str(import_id), lead_ids=lead_ids
                )
                uow.publish(event, key=str(import_id))
        return True

    async def _end_undo(self, uow: UnitOfWork) -> bool:
        import_id = await imports_chunks.undone_import(uow.raw)
        if import_id is None:
            return False
        await imports.set_state(uow.raw, import_id, ImportState.UNDONE, now=uow.now)
        undone_by, withdrawn, kept = await imports.add_withdrawn(
            uow.raw, import_id, withdrawn=0, kept=0
        )
        event = import_events_pb2.ImportUndone(
            import_id=str(import_id),
            undone_by=undone_by,
            withdrawn_count=withdrawn,
            kept_count=kept,
        )
        uow.publish(event, key=str(import_id))
        return True


async def forget_old_files(database: Database) -> bool:
    """Removes parts and refused rows of imports older than seven days; says whether there may be more."""
    async with database.unit_of_work() as uow:
        expired = await imports.expire(uow.raw, before=uow.now - KEPT_FOR, limit=EXPIRED_AT_ONCE)
        for import_id in expired:
            await imports_parts.drop(uow.raw, import_id)  # type: ignore[arg-type]
        if expired:
            await imports_chunks.forget_refused(uow.raw, expired)
            await imports_chunks.drop_waiting(uow.raw, expired)
    return len(expired) == EXPIRED_AT_ONCE
