"""Files of refused rows, given back as CSV that no spreadsheet program computes."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMPUTES = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell must not begin with, full-width forms included; an apostrophe makes it text."""


def error_lines(rows: Iterable[Sequence[str]], *, has_mark: bool = False) -> bytes:
    """Rows as UTF-8; `has_mark` puts the mark before them by which spreadsheet programs know the encoding."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return written.getvalue().encode("utf-8-sig" if has_mark else "utf-8")


def harmless(cell: str) -> str:
    """The text of a cell that is shown and never computed."""
    cell = cell.replace("\x00", "")
    return f"'{cell}" if cell.startswith(COMPUTES) else cell
