"""The plain parts of a workbook's XML, read without a parser's callbacks: they cost eight times as much.

Hidden decision: what is plain. Only a run of elements that one expression covers to the last byte is taken from the
parser; whatever else there is (formulas, rich text, entities, prefixes, comments) goes to it as before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

UNENDED_BYTES_MAX = 1024 * 1024

_CELL = re.compile(
    rb'(<c r="([A-Z]{1,3})[0-9]{1,7}"(?: s="([0-9]{1,6})")?(?: t="(s|n|inlineStr)")?'
    rb'(?:/>|>(?:<v>([^<&]{0,64})</v>|<is><t(?: xml:space="preserve")?>([^<&\r]*)</t></is>)</c>))'
)
_ROW_START = re.compile(rb"<row(?: [^<>/]*)?>")
_ROW_NUMBER = re.compile(rb' r="([0-9]{1,7})"')
_TEXT = re.compile(rb'(<si><t(?: xml:space="preserve")?>([^<&\r]*)</t></si>)')
_ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([^\"']*)")

PlainCell = tuple[bytes, bytes, bytes, bytes, bytes, bytes]


class Runs:
    """Cuts XML that comes in pieces at the ends of elements, such as rows.

    The first cut is made where the elements begin. Nothing is cut any more once the document turns out to be of
    another encoding than UTF-8, or to hold comments or the like.
    """

    def __init__(self, beginning: bytes, end: bytes) -> None:
        self._beginning = beginning
        self._end = end
        self._buffer = b""
        self._has_begun = False
        self._is_plain = True

    def cut(self, piece: bytes) -> Iterator[tuple[bytes, bool]]:
        """What came so far up to the last whole element, and whether it may be plain."""
        if not self._is_plain:
            yield piece, False
            return
        self._buffer += piece
        if not self._has_begun:
            yield from self._begin()
        if not self._has_begun:
            return
        if not self._is_plain:
            yield self.rest(), False
            return
        end = self._buffer.rfind(self._end)
        if b"<!" in self._buffer or (end < 0 and len(self._buffer) > UNENDED_BYTES_MAX):
            self._is_plain = False
            yield self.rest(), False
        elif end >= 0:
            end += len(self._end)
            run, self._buffer = self._buffer[:end], self._buffer[end:]
            yield run, True

    def rest(self) -> bytes:
        """What was not cut off."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _begin(self) -> Iterator[tuple[bytes, bool]]:
        place = self._buffer.find(self._beginning)
        if place < 0 and len(self._buffer) <= UNENDED_BYTES_MAX:
            return
        self._has_begun = True
        prolog = self._buffer[: place + len(self._beginning)] if place >= 0 else b""
        self._buffer = self._buffer[len(prolog) :]
        declared = _ENCODING.search(prolog)
        is_utf8 = declared is None or declared[1].lower() == b"utf-8"
        self._is_plain = place >= 0 and is_utf8 and b"<!" not in prolog
        yield prolog, False


def plain_cells(row: bytes) -> tuple[int, list[PlainCell]] | None:
    """Number (0 where it has none) and cells of a row; None when not plain.

    A cell is its XML, column, style, type, value and own text, each empty where it has none.
    """
    start = _ROW_START.match(row)
    if start is None:
        return None
    cells: list[PlainCell] = _CELL.findall(row, start.end())
    if start.end() + sum([len(cell[0]) for cell in cells]) + len(b"</row>") != len(row):
        return None
    number = _ROW_NUMBER.search(start[0])
    return int(number[1]) if number else 0, cells


def plain_texts(run: bytes) -> list[bytes] | None:
    """The texts of a run of shared strings; None when not plain."""
    found = _TEXT.findall(run)
    if sum([len(whole) for whole, _ in found]) != len(run):
        return None
    return [text for _, text in found]
