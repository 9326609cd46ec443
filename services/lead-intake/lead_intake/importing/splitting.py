"""Splits uploaded files into sealed chunks of rows, a few chunks ahead of those that wait.

Hidden decision: who splits. One process holds a file at a time and says so at least every 2 s; one that dies is
replaced after 5 s, by another that reads the file from its beginning and goes on after its last chunk.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
import uuid_utils

from lead_intake.domain.imports import CHUNK_ROWS, ChunkId, ImportState, RefusedFile
from lead_intake.importing.columns import columns_of
from lead_intake.importing.sealed_rows import seal_rows, seal_texts
from lead_intake.importing.spool import Spool
from lead_intake.importing.tables import checked_header, read_table
from lead_intake.importing.templates import best_template
from lead_intake.store import imports, imports_chunks, imports_parts
from lead_intake.store.imports_chunks import NewChunk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from servicekit.database import Database
    from servicekit.sealing import KeyRing

    from lead_intake.domain.imports import ImportId
    from lead_intake.importing.sealed_rows import Numbered
    from lead_intake.importing.tables import Batch
    from lead_intake.importing.templates import Template

log = structlog.get_logger()

CHUNKS_AHEAD = 16
CHUNKS_TOGETHER = 4
HOLD = timedelta(seconds=5)
HOLD_AGAIN_S = 2.0


@dataclass(slots=True)
class _Splitting:
    """A file that this process splits: where its rows come from, and those that fill no chunk yet."""

    import_id: ImportId
    chunk_number: int
    batches: AsyncGenerator[Batch]
    skip_rows: int
    has_header: bool = False
    share: float = 0.0
    held_at_s: float = field(default_factory=time.monotonic)
    rows: list[Numbered] = field(default_factory=list)


class Splitter:
    """Splits files in steps that a worker runs. `on_chunks` is called when there are new ones."""

    def __init__(
        self,
        database: Database,
        ring: KeyRing,
        templates: Mapping[str, Template],
        *,
        on_chunks: Callable[[], None],
    ) -> None:
        self._database = database
        self._ring = ring
        self._templates = templates
        self._on_chunks = on_chunks
        self._id = UUID(bytes=uuid_utils.uuid7().bytes)
        self._file: _Splitting | None = None

    async def step(self) -> bool:
        """Adds a few chunks if few wait; says whether there may be more to add at once."""
        file = await self._held()
        if file is None:
            return False
        try:
            return await self._split(file)
        except RefusedFile as refused:
            await self._fail(file, str(refused))
            return True
        except BaseException:
            # Rows that were read may be lost with the step: the file is read again.
            self._file = None
            raise

    async def _split(self, file: _Splitting) -> bool:
        async with self._database.raw() as raw:
            waiting = await imports_chunks.waiting_count(raw, file.import_id)
        if waiting >= CHUNKS_AHEAD:
            await self._keep(file, is_split=False)
            return False
        is_split = await self._fill(file)
        await self._keep(file, is_split=is_split)
        self._on_chunks()
        return True

    async def _held(self) -> _Splitting | None:
        if self._file is not None:
            return self._file
        async with self._database.raw() as raw:
            if not await imports.under_way(raw):
                return None
        async with self._database.unit_of_work() as uow:
            found = await imports_chunks.import_to_split(uow.raw, self._id, hold=HOLD)
            one = await imports.get(uow.raw, found[0]) if found is not None else None
        if found is None or one is None:
            return None
        import_id, chunk_count = found
        spool = Spool(self._database, self._ring, import_id, one.size_bytes)
        skip = chunk_count * CHUNK_ROWS
        self._file = _Splitting(import_id, chunk_count, read_table(spool), skip)
        return self._file

    async def _fill(self, file: _Splitting) -> bool:
        """Reads on until a few chunks are full; whether the file has ended."""
        while len(file.rows) < CHUNKS_TOGETHER * CHUNK_ROWS:
            batch = await anext(file.batches, None)
            if self._file is not file:
                return False
            if batch is None:
                if not file.has_header:
                    raise RefusedFile("the file has no rows")
                return True
            if time.monotonic() - file.held_at_s > HOLD_AGAIN_S:
                await self._keep(file, is_split=False)
            rows = batch.rows
            if rows and not file.has_header:
                await self._describe(file, rows[0][1])
                rows = rows[1:]
            file.share = batch.share
            skipped = min(file.skip_rows, len(rows))
            file.skip_rows -= skipped
            file.rows += rows[skipped:] if skipped else rows
        return False

    async def _describe(self, file: _Splitting, cells: list[str]) -> None:
        header = checked_header(cells)
        async with self._database.unit_of_work() as uow:
            one = await imports.get(uow.raw, file.import_id)
            asked = one.template if one is not None else ""
            template = self._templates.get(asked) or best_template(self._templates, header)
            columns_of(header, template)
            sealed = seal_texts(self._ring, header, file.import_id, "header")
            await imports_chunks.describe(
                uow.raw,
                (file.import_id, self._id),
                template=template.template,
                sealed_header=sealed,
            )
        file.has_header = True

    async def _keep(self, file: _Splitting, *, is_split: bool) -> None:
        """Keeps the full chunks, or all rows at the end, and holds the file; lets go of one that is another's."""
        full = len(file.rows) if is_split else len(file.rows) // CHUNK_ROWS * CHUNK_ROWS
        chunks = [self._chunk(file, start) for start in range(0, full, CHUNK_ROWS)]
        held = (file.import_id, self._id)
        async with self._database.unit_of_work() as uow:
            is_ours = await imports_chunks.still_held(
                uow.raw, held, hold=HOLD, read_share=file.share, is_split=is_split
            )
            if is_ours and chunks:
                await imports_chunks.add(uow.raw, file.import_id, chunks)
            if is_ours and is_split:
                await imports_parts.drop(uow.raw, file.import_id)
        file.held_at_s = time.monotonic()
        file.chunk_number += len(chunks)
        file.rows = file.rows[full:]
        if is_split or not is_ours:
            await self._let_go()

    def _chunk(self, file: _Splitting, start: int) -> NewChunk:
        rows = file.rows[start : start + CHUNK_ROWS]
        chunk_id = ChunkId(UUID(bytes=uuid_utils.uuid7().bytes))
        sealed = seal_rows(self._ring, rows, chunk_id)
        return NewChunk(chunk_id, file.chunk_number + start // CHUNK_ROWS, len(rows), sealed)

    async def _fail(self, file: _Splitting, problem: str) -> None:
        log.info("import_refused", import_id=str(file.import_id), problem=problem)
        async with self._database.unit_of_work() as uow:
            await imports.set_state(
                uow.raw, file.import_id, ImportState.FAILED, now=uow.now, problem=problem
            )
            await imports_chunks.drop_waiting(uow.raw, [file.import_id])
            await imports_parts.drop(uow.raw, file.import_id)
        await self._let_go()

    async def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            await file.batches.aclose()
