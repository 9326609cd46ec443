"""Sheets of a workbook, read from their XML as it comes: values only, no formula, no link, no entity.

Hidden decision: own expat handlers. At a million rows one library keeps 1.3 GB, the other every shared text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat

from lead_intake.domain.imports import COLUMNS_MAX, RefusedFile
from lead_intake.importing.plain_xml import Runs, plain_cells, plain_texts
from lead_intake.importing.shared_strings import CELL_CHARS_MAX, SharedStrings
from lead_intake.importing.text_tables import UNREADABLE
from lead_intake.importing.workbook_dates import written_date

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ROWS_MAX = 2**20
"""What a sheet may have: rows that are left out before a later one are blank."""


class XmlReader:
    """Feeds pieces of XML to handlers. Raises `RefusedFile` for what is not well formed or declares a document type."""

    def __init__(self) -> None:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.buffer_size = CELL_CHARS_MAX
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self.opened
        parser.EndElementHandler = self.closed
        self.parser = parser

    def feed(self, piece: bytes, *, is_last: bool = False) -> None:
        """Reads on."""
        try:
            self.parser.Parse(piece, is_last)
        except expat.ExpatError:
            raise RefusedFile("the workbook is not well formed") from None

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins; `name` is `namespace}local`."""

    def closed(self, name: str) -> None:
        """An element ends."""


class SharedStringsReader(XmlReader):
    """Reads the shared texts; rich text loses its runs, phonetic hints are left out."""

    def __init__(self, strings: SharedStrings) -> None:
        super().__init__()
        self._strings = strings
        self._texts: list[str] = []
        self._is_hint = False
        self._runs = Runs(b"<si>", b"</si>")

    def read(self, piece: bytes) -> None:
        """Reads on; plain texts without the parser."""
        for run, may_be_plain in self._runs.cut(piece):
            texts = plain_texts(run) if may_be_plain else None
            if texts is None:
                self.feed(run)
            else:
                self._strings.extend(texts)

    def end(self) -> None:
        """Reads what is left; raises `RefusedFile` where something is missing."""
        self.feed(self._runs.rest(), is_last=True)

    def opened(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - expat's call
        """Texts are only listened to inside of `t`."""
        local = name.rpartition("}")[2]
        if local == "t" and not self._is_hint:
            self.parser.CharacterDataHandler = self._texts.append
        elif local == "rPh":
            self._is_hint = True

    def closed(self, name: str) -> None:
        """A text, or one of its runs, is complete."""
        local = name.rpartition("}")[2]
        if local == "t":
            self.parser.CharacterDataHandler = None
        elif local == "rPh":
            self._is_hint = False
        elif local == "si":
            self._strings.add("".join(self._texts))
            self._texts.clear()


class SheetReader(XmlReader):
    """Reads rows of texts. A cell beyond column 500 makes its row unreadable, one in error or without value is empty.

    A formula is passed over: the value that was saved with it counts. Numbers are written as people type them, numbers
    of a date format as ISO 8601.
    """

    def __init__(
        self, strings: SharedStrings, date_styles: Collection[int], *, counts_from_1904: bool
    ) -> None:
        super().__init__()
        self._strings = strings
        self._date_styles = frozenset(map(str, date_styles))
        self._counts_from_1904 = counts_from_1904
        self._runs = Runs(b"<sheetData>", b"</row>")
        self._rows: list[list[str]] = []
        self._row: list[str] = []
        self._row_count = 0
        self._texts: list[str] = []
        self._type = self._style = ""
        self._column = 0
        self._local: dict[str, str] = {}
        self._columns: dict[str | bytes, int] = {}
        self._opened: dict[str, Callable[[dict[str, str]], None]] = {
            "c": self._cell, "v": self._listen, "t": self._listen, "row": self._begin_row,
        }  # fmt: skip
        self._closed: dict[str, Callable[[], None]] = {
            "c": self._end_cell, "v": self._mute, "t": self._mute, "row": self._end_row,
        }  # fmt: skip

    def read(self, piece: bytes) -> None:
        """Reads on; plain rows without the parser."""
        for run, may_be_plain in self._runs.cut(piece):
            if not may_be_plain:
                self.feed(run)
                continue
            for row in run.split(b"</row>")[:-1]:
                self._read_row(row + b"</row>")

    def end(self) -> None:
        """Reads what is left; raises `RefusedFile` where something is missing."""
        self.feed(self._runs.rest(), is_last=True)

    def rows(self) -> list[list[str]]:
        """The rows completed since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        """Cells and their values are all that matters."""
        local = self._local.get(name) or self._local.setdefault(name, name.rpartition("}")[2])
        begin = self._opened.get(local)
        if begin is not None:
            begin(attributes)

    def closed(self, name: str) -> None:
        """The same at their end."""
        end = self._closed.get(self._local[name])
        if end is not None:
            end()

    def _read_row(self, written: bytes) -> None:
        plain = plain_cells(written)
        if plain is None:
            self.feed(written)
            return
        number, cells = plain
        self._skip_to(number)
        row = self._row = []
        for _, letters, style, kind, value, text in cells:
            column = self._columns.get(letters)
            if column is None:
                column = self._columns[letters] = _column_number(letters.decode())
            if column == len(row) and kind == b"s" and value:
                row.append(self._shared(value))
            elif value or text:
                self._type, self._style = kind.decode() or "n", style.decode()
                self._put(column, _decoded(value or text))
        self._rows.append(row)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        self._row = []
        number = attributes.get("r", "")
        self._skip_to(int(number) if number.isdecimal() else 0)

    def _skip_to(self, number: int) -> None:
        """Counts a row, and those that were left out before it because they are blank."""
        if self._row_count < number - 1 < ROWS_MAX:
            self._rows.extend([[]] * (number - 1 - self._row_count))
            self._row_count = number - 1
        self._row_count += 1

    def _end_row(self) -> None:
        self._rows.append(self._row)

    def _cell(self, attributes: dict[str, str]) -> None:
        self._type = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        place = attributes.get("r")
        self._column = len(self._row) if place is None else self._column_of(place)

    def _listen(self, _: dict[str, str]) -> None:
        self.parser.CharacterDataHandler = self._texts.append

    def _mute(self) -> None:
        self.parser.CharacterDataHandler = None

    def _end_cell(self) -> None:
        if not self._texts:
            return
        text = self._texts[0] if len(self._texts) == 1 else "".join(self._texts)
        self._texts.clear()
        self._put(self._column, text)

    def _put(self, column: int, text: str) -> None:
        row = self._row
        if column >= COLUMNS_MAX:
            column, text = 0, UNREADABLE
        else:
            text = self._value(text)
        if column == len(row):
            row.append(text)
            return
        row.extend([""] * (column + 1 - len(row)))
        row[column] = text

    def _value(self, text: str) -> str:
        if self._type == "s":
            return self._shared(text)
        if self._type == "n":
            if self._style in self._date_styles:
                return written_date(text, counts_from_1904=self._counts_from_1904)
            return written_number(text)
        if self._type == "b":
            return "true" if text == "1" else "false"
        return "" if self._type == "e" else text[:CELL_CHARS_MAX]

    def _shared(self, number: str | bytes) -> str:
        try:
            return self._strings[int(number)]
        except (ValueError, IndexError):
            raise RefusedFile("the workbook is damaged") from None

    def _column_of(self, place: str) -> int:
        letters = place.rstrip("0123456789")
        column = self._columns.get(letters)
        if column is None:
            column = self._columns[letters] = _column_number(letters)
        return column


def written_number(text: str) -> str:
    """A number as people write it: a phone number that the sheet keeps as 1.3800138E10 has its digits again."""
    if text.isdecimal():
        return text
    try:
        number = float(text)
    except ValueError:
        return text[:CELL_CHARS_MAX]
    return str(int(number)) if number.is_integer() and abs(number) < 1e18 else text[:40]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise RefusedFile("the workbook is not well formed") from None


def _column_number(letters: str) -> int:
    """The column, from 0, that letters name; one far beyond the limit for what is no column."""
    number = 0
    if not (letters.isascii() and letters.isalpha() and len(letters) <= 3):
        return COLUMNS_MAX
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _refuse_doctype(*_: object) -> None:
    raise RefusedFile("the workbook declares a document type")
