"""How imports stand, and the rows that they refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.errors import Invalid, NotFound

from lead_intake.domain.imports import Import, ImportId, ImportState, check_is_uploader
from lead_intake.importing.error_files import error_lines
from lead_intake.importing.sealed_rows import open_refused, open_texts
from lead_intake.store import imports as store
from lead_intake.store import imports_chunks
from lead_intake.store.imports import Tally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import asyncpg
    from servicekit.database import Database
    from servicekit.sealing import KeyRing

PAGE_SIZE = 50
PAGE_SIZE_MAX = 500
WATCH_INTERVAL_S = 0.5
ENDED = frozenset(
    {ImportState.FINISHED, ImportState.CANCELLED, ImportState.FAILED, ImportState.UNDONE}
)
_NEWEST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """An import, its file's name, its rows counted, and its pace. `remaining_s` is None where nobody can say."""

    one: Import
    file_name: str
    tally: Tally
    done_share: float
    rows_per_s: float
    remaining_s: float | None


@dataclass(frozen=True, slots=True)
class ImportsPage:
    """Imports, newest first, and where to go on; empty at the end."""

    imports: list[Standing]
    next_page_token: str


def parsed_import_id(text: str) -> ImportId:
    """An import's id; raises `Invalid`."""
    try:
        return ImportId(UUID(text))
    except ValueError:
        raise Invalid("an import id is a UUID") from None


async def get_import(database: Database, ring: KeyRing, import_id: ImportId) -> Standing:
    """One import; raises `NotFound`."""
    async with database.raw() as raw:
        one = await store.get(raw, import_id)
        if one is None:
            raise NotFound("no such import")
        return (await _standings(raw, ring, [one]))[0]


async def list_imports(
    database: Database, ring: KeyRing, *, page_size: int, page_token: str
) -> ImportsPage:
    """The latest imports; raises `Invalid` for a token that is none."""
    size = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    before = parsed_import_id(page_token) if page_token else _NEWEST
    async with database.raw() as raw:
        found = await store.latest(raw, before=before, limit=size + 1)
        standings = await _standings(raw, ring, found[:size])
    token = str(found[size - 1].import_id) if len(found) > size else ""
    return ImportsPage(standings, token)


async def watch_import(
    database: Database, ring: KeyRing, import_id: ImportId
) -> AsyncIterator[Standing]:
    """How an import gets on, twice a second, until nothing moves; raises `NotFound`."""
    while True:
        standing = await get_import(database, ring, import_id)
        yield standing
        if standing.one.state not in (ImportState.RUNNING, ImportState.UNDOING):
            return
        await asyncio.sleep(WATCH_INTERVAL_S)


async def read_errors(
    database: Database, ring: KeyRing, import_id: ImportId, *, subject: str
) -> AsyncIterator[bytes]:
    """The refused rows as pieces of a CSV file; raises `NotFound`, and `Forbidden` for who did not upload the file."""
    async with database.raw() as raw:
        one = await store.get(raw, import_id)
        if one is None:
            raise NotFound("no such import")
        check_is_uploader(one, subject)
        header = (await store.sealed(raw, [import_id]))[import_id].header
    columns = open_texts(ring, header, import_id, "header") if header is not None else []
    yield error_lines([("row", "reason", "field", *columns)], has_mark=True)
    number = -1
    while True:
        async with database.raw() as raw:
            found = await imports_chunks.next_refused(raw, import_id, after=number)
        if found is None:
            return
        chunk_id, number, sealed = found
        refused = open_refused(ring, sealed, chunk_id)
        yield error_lines([(str(row), why, place, *cells) for row, why, place, cells in refused])


async def _standings(
    raw: asyncpg.Connection, ring: KeyRing, found: Sequence[Import]
) -> list[Standing]:
    ids = [each.import_id for each in found]
    tallies = await store.tallies(raw, ids)
    sealed = await store.sealed(raw, ids)
    now = datetime.now(UTC)
    return [
        _standing(
            one,
            open_texts(ring, sealed[one.import_id].name, one.import_id, "name")[0],
            tallies.get(one.import_id, Tally()),
            now=now,
        )
        for one in found
    ]


def _standing(one: Import, file_name: str, tally: Tally, *, now: datetime) -> Standing:
    share = one.read_share * tally.done / tally.read if tally.read else 0.0
    if one.state in (ImportState.FINISHED, ImportState.UNDONE):
        share = 1.0
    if one.started_at is None:
        return Standing(one, file_name, tally, share, 0.0, None)
    took_s = max(((one.finished_at or now) - one.started_at).total_seconds(), 0.001)
    is_under_way = one.state is ImportState.RUNNING and share > 0
    remaining_s = took_s * (1 - share) / share if is_under_way else None
    return Standing(one, file_name, tally, share, tally.done / took_s, remaining_s)
