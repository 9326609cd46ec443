"""Rows of any file that can be imported: what kind it is is read from its first bytes, never from its name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from lead_intake.domain.imports import COLUMNS_MAX, PART_BYTES, RefusedFile
from lead_intake.importing.text_tables import TextTable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from lead_intake.importing.sealed_rows import Numbered

TEXT_PIECE_BYTES = PART_BYTES // 4
ROWS_MAX = 2_000_000

_REFUSED_KINDS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or encrypted workbook; save it as XLSX or CSV"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "packed; unpack it first"),
    (b"Rar!", "packed; unpack it first"),
    (b"7z\xbc\xaf", "packed; unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)


class Bytes(Protocol):
    """What a file is read from."""

    size: int

    async def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset` on, fewer at the end."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that follow each other, without blank ones, numbered as in the file from 1; `share` is how much was read."""

    rows: list[Numbered]
    share: float


async def read_table(source: Bytes) -> AsyncGenerator[Batch]:
    """The rows of a file; the first of them is its header. Raises `RefusedFile`.

    Gives way to others after each piece, which takes some milliseconds.
    """
    number = 0
    async for rows, share in _rows(source):
        numbered = [(place, row) for place, row in enumerate(rows, start=number + 1) if any(row)]
        number += len(rows)
        if number > ROWS_MAX:
            raise RefusedFile(f"the file has more than {ROWS_MAX} rows")
        yield Batch(numbered, share)
        await asyncio.sleep(0)


def checked_header(cells: list[str]) -> list[str]:
    """A file's header, without empty columns at its end; raises `RefusedFile` for one too wide or of binary content."""
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > COLUMNS_MAX:
        raise RefusedFile(f"the file has more than {COLUMNS_MAX} columns")
    if any("\x00" in cell or "\ufffd" in cell for cell in cells):
        raise RefusedFile("the first row of the file is no text")
    return cells


async def _rows(source: Bytes) -> AsyncIterator[tuple[list[list[str]], float]]:
    start = await source.read(0, 16)
    for magic, kind in _REFUSED_KINDS:
        if start.startswith(magic):
            raise RefusedFile(f"the file is {kind}")
    rows = _workbook_rows(source) if start.startswith(b"PK\x03\x04") else _text_rows(source)
    async for batch in rows:
        yield batch


async def _workbook_rows(source: Bytes) -> AsyncIterator[tuple[list[list[str]], float]]:
    # The spreadsheet library is large and seldom needed: the first workbook loads it, beside the loop.
    workbooks = await asyncio.to_thread(import_module, "lead_intake.importing.workbooks")
    async for batch in workbooks.workbook_rows(source):
        yield batch


async def _text_rows(source: Bytes) -> AsyncIterator[tuple[list[list[str]], float]]:
    table = TextTable()
    for offset in range(0, source.size, TEXT_PIECE_BYTES):
        piece = await source.read(offset, TEXT_PIECE_BYTES)
        end = offset + len(piece)
        yield table.feed(piece, is_last=end >= source.size), end / source.size
