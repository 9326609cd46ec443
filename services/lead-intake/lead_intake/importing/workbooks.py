"""Workbooks (XLSX): their first sheet as rows, streamed from the spool."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from lead_intake.domain.imports import RefusedFile
from lead_intake.importing.archives import Archive
from lead_intake.importing.shared_strings import SharedStrings
from lead_intake.importing.sheets import SharedStringsReader, SheetReader, XmlReader
from lead_intake.importing.workbook_dates import is_date

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lead_intake.importing.archives import Bytes

SMALL_PART_BYTES_MAX = 4 * 1024 * 1024
WORKBOOK = "xl/workbook.xml"
SHARED_STRINGS = "xl/sharedStrings.xml"
STYLES_MAX = 100_000


async def workbook_rows(source: Bytes) -> AsyncIterator[tuple[list[list[str]], float]]:
    """Batches of rows of the first sheet, and the share of it, 0 to 1, that was read; raises `RefusedFile`."""
    archive = await Archive.opened(source)
    book = _Book()
    book.feed(await _part(archive, WORKBOOK), is_last=True)
    sheet = await _first_sheet(archive, book)
    styles = _Styles()
    if content := await archive.whole("xl/styles.xml", bytes_max=SMALL_PART_BYTES_MAX):
        styles.feed(content, is_last=True)
    strings = SharedStrings()
    if SHARED_STRINGS in archive:
        texts = SharedStringsReader(strings)
        async for piece, _ in archive.pieces(SHARED_STRINGS):
            texts.read(piece)
            yield [], 0.0
        texts.end()
    reader = SheetReader(strings, styles.date_styles(), counts_from_1904=book.counts_from_1904)
    async for piece, share in archive.pieces(sheet):
        reader.read(piece)
        yield reader.rows(), share
    reader.end()
    yield reader.rows(), 1.0


async def _part(archive: Archive, name: str) -> bytes:
    content = await archive.whole(name, bytes_max=SMALL_PART_BYTES_MAX)
    if not content:
        raise RefusedFile("the file is no workbook")
    return content


async def _first_sheet(archive: Archive, book: _Book) -> str:
    relations = _Relations()
    relations.feed(await _part(archive, "xl/_rels/workbook.xml.rels"), is_last=True)
    target = relations.targets.get(book.first_relation, "")
    name = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
    if name not in archive:
        raise RefusedFile("the workbook has no sheet")
    return name


class _Book(XmlReader):
    """The list of sheets; hidden ones are passed over."""

    def __init__(self) -> None:
        super().__init__()
        self.first_relation = ""
        self.counts_from_1904 = False

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition("}")[2]
        if local == "sheet" and not self.first_relation and _is_shown(attributes):
            ids = [value for key, value in attributes.items() if key.endswith("relationships}id")]
            self.first_relation = ids[0] if ids else ""
        elif local == "workbookPr":
            self.counts_from_1904 = attributes.get("date1904") in ("1", "true")


class _Relations(XmlReader):
    """Where the parts are; what lies outside of the archive is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: dict[str, str] = {}

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        if name.endswith("}Relationship") and attributes.get("TargetMode") != "External":
            self.targets[attributes.get("Id", "")] = attributes.get("Target", "")


class _Styles(XmlReader):
    """Which cell formats show dates."""

    def __init__(self) -> None:
        super().__init__()
        self._own: dict[int, str] = {}
        self._formats: list[int] = []
        self._is_cell_format = False

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition("}")[2]
        if local == "cellXfs":
            self._is_cell_format = True
        elif local == "numFmt":
            self._own[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif local == "xf" and self._is_cell_format and len(self._formats) < STYLES_MAX:
            self._formats.append(_number(attributes.get("numFmtId")))

    def closed(self, name: str) -> None:
        if name.endswith("}cellXfs"):
            self._is_cell_format = False

    def date_styles(self) -> list[int]:
        """The styles of dates."""
        return [style for style, found in enumerate(self._formats) if is_date(found, self._own)]


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else 0


def _is_shown(attributes: dict[str, str]) -> bool:
    return attributes.get("state", "visible") == "visible"
