"""Tables in text: CSV and its cousins, read piece by piece.

Hidden decision: how a file that is never whole in memory is cut. A record is only asked for while more text waits
than a record may have, so the library's parser never meets the end of a piece inside of quotes.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from typing import TYPE_CHECKING

from lead_intake.domain.imports import RefusedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD_CHARS_MAX = 128 * 1024
CELL_CHARS_MAX = 32 * 1024
SAMPLE_LINES = 20
UNREADABLE = "\ufffd"
"""Stands where bytes are not of the file's encoding; a row that holds it is refused."""

_OPEN_QUOTE = "a quoted text in the file does not end"
_DELIMITERS = ",\t;|"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class TextTable:
    """Reads rows from the bytes of a text file, fed in order; UTF-8, UTF-16 with a mark, or GB18030.

    The encoding and the delimiter are chosen from the first bytes that leave a choice. Raises `RefusedFile` where
    quotes that were opened do not end.
    """

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._lines = _Lines()
        self._rows: Iterator[list[str]] | None = None

    def feed(self, piece: bytes, *, is_last: bool) -> list[list[str]]:
        """The rows that are complete now; a blank line is a row without cells."""
        text = self._decoded(piece, is_last=is_last)
        self._lines.add(self._newlines.decode(text, final=is_last), is_last=is_last)
        if self._rows is None:
            delimiter = _delimiter_of(self._lines.first(SAMPLE_LINES))
            self._rows = csv.reader(iter(self._lines), delimiter=delimiter)
        return list(self._complete(self._rows))

    def _complete(self, rows: Iterator[list[str]]) -> Iterator[list[str]]:
        while self._lines.has_a_record():
            try:
                row = next(rows, None)
            except csv.Error:
                # The library refuses one cell that is too long, and goes on after its line.
                row = [UNREADABLE]
            if row is None:
                return
            yield row

    def _decoded(self, piece: bytes, *, is_last: bool) -> str:
        if self._decoder is None:
            if not any(piece.startswith(bom) for bom, _ in _BOMS) and piece.isascii():
                return piece.decode("ascii")
            self._decoder = codecs.getincrementaldecoder(encoding_of(piece))(errors="replace")
        return self._decoder.decode(piece, final=is_last)


def encoding_of(sample: bytes) -> str:
    """The encoding that reads more of the sample: by its mark, else UTF-8 or GB18030."""
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    whole_lines = sample[: sample.rfind(b"\n") + 1] or sample
    as_utf8 = whole_lines.decode("utf-8", errors="replace").count(UNREADABLE)
    if not as_utf8:
        return "utf-8"
    as_gb = whole_lines.decode("gb18030", errors="replace").count(UNREADABLE)
    return "gb18030" if as_gb < as_utf8 else "utf-8"


class _Lines:
    """Lines that wait for the parser. One that is too long is cut and made unreadable."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._chars = 0
        self._tail: list[str] = []
        self._tail_chars = 0
        self._is_last = False
        self._record_chars = 0

    def add(self, text: str, *, is_last: bool) -> None:
        """Takes decoded text."""
        *lines, rest = text.split("\n")
        for line in lines:
            self._keep("".join((*self._tail, line)) if self._tail else line)
            self._tail, self._tail_chars = [], 0
        if rest and self._tail_chars <= RECORD_CHARS_MAX:
            self._tail.append(rest)
            self._tail_chars += len(rest)
        self._is_last = is_last
        if is_last and self._tail:
            self._keep("".join(self._tail))

    def first(self, count: int) -> list[str]:
        """The first lines that wait."""
        return [self._waiting[number] for number in range(min(count, len(self._waiting)))]

    def has_a_record(self) -> bool:
        """Whether a whole record waits for certain."""
        self._record_chars = 0
        return self._is_last or self._chars > RECORD_CHARS_MAX

    def __iter__(self) -> Iterator[str]:
        while self._waiting:
            line = self._waiting.popleft()
            self._chars -= len(line)
            self._record_chars += len(line)
            if self._record_chars > RECORD_CHARS_MAX:
                raise RefusedFile(_OPEN_QUOTE)
            yield line
        if self._record_chars:
            raise RefusedFile(_OPEN_QUOTE)

    def _keep(self, line: str) -> None:
        if len(line) >= RECORD_CHARS_MAX:
            line = UNREADABLE
        self._waiting.append(line + "\n")
        self._chars += len(line) + 1


def _delimiter_of(lines: list[str]) -> str:
    """The delimiter of the most lines alike: the one that cuts the first line in the most cells wins a tie."""
    if not lines:
        return ","

    def score(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if not counts or counts[0] == 1:
            return 0, 0
        return sum(count == counts[0] for count in counts), counts[0]

    return max(_DELIMITERS, key=score)
