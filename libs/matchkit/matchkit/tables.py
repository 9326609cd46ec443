"""Reads labelled or unlabelled rows from CSV by a column map, within bounds."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Self

import msgspec
import yaml

from matchkit.errors import MatchingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

ROWS_MAX = 5_000_000
COLUMNS_MAX = 500
BETWEEN_VALUES = "|"


class TableInvalid(MatchingError):  # noqa: N818 - errors are named by what is wrong
    """A table or its map cannot be read; `row` counts from 1, the heading, or is 0 for the whole."""

    def __init__(self, file: str, row: int, reason: str) -> None:
        super().__init__(f"{file}, row {row}: {reason}" if row else f"{file}: {reason}")
        self.file = file
        self.row = row
        self.reason = reason


class TruthColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the true customer stands; of a `pattern` the first group counts, else the whole text."""

    column: str
    pattern: str = "(.*)"


class ColumnMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which column is which field; `id` names a row, `truth` its true customer when it is known.

    Columns not named are ignored. `delimiter` is one character; several values in one cell stand
    between vertical bars.
    """

    columns: dict[str, str]
    id: str = ""
    truth: TruthColumn | None = None
    delimiter: str = ","

    @classmethod
    def load(cls, path: Path) -> Self:
        """The map in a YAML file; raises `TableInvalid`."""
        try:
            return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), cls)
        except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise TableInvalid(path.name, 0, str(error)) from error


class Row(msgspec.Struct, frozen=True):
    """One row: its name, its true customer (empty when unknown), its fields."""

    id: str
    truth: str
    fields: dict[str, str | list[str]]


def read_rows(path: Path, columns: ColumnMap, *, rows_max: int = ROWS_MAX) -> Iterator[Row]:
    """The rows of a UTF-8 file; raises `TableInvalid` with the row's number.

    Refused are a missing column, a row with more or fewer cells than the heading, a truth that
    its pattern does not fit, a text that is not UTF-8, and more than `rows_max` rows.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.reader(file, delimiter=columns.delimiter, skipinitialspace=True)
        lines = _numbered(table, path.name)
        number, heading = next(lines, (1, []))
        reader = _Reader(path.name, [name.strip() for name in heading], columns)
        for number, cells in lines:
            if number > rows_max + 1:
                raise TableInvalid(path.name, number, f"more than {rows_max} rows")
            if cells:
                yield reader.row(number, cells)


def read_truth(path: Path, *, rows_max: int = ROWS_MAX) -> dict[str, str]:
    """The true customer by row id from a two-column file with a heading; raises `TableInvalid`."""
    found: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _numbered(csv.reader(file), path.name)
        next(lines, None)
        for number, cells in lines:
            if len(cells) != 2 or number > rows_max + 1:
                raise TableInvalid(path.name, number, "a row id and a customer are needed")
            found[cells[0].strip()] = cells[1].strip()
    return found


class _Reader:
    """The map, applied to one file's heading."""

    def __init__(self, file: str, heading: Sequence[str], columns: ColumnMap) -> None:
        if len(heading) > COLUMNS_MAX:
            raise TableInvalid(file, 1, f"more than {COLUMNS_MAX} columns")
        self._file, self._width = file, len(heading)
        at = {name: place for place, name in enumerate(heading)}
        self._fields = [
            (self._place(at, column), field) for column, field in columns.columns.items()
        ]
        self._id = self._place(at, columns.id) if columns.id else None
        self._truth = self._place(at, columns.truth.column) if columns.truth else None
        self._pattern = re.compile(columns.truth.pattern if columns.truth else "(.*)")

    def row(self, number: int, cells: Sequence[str]) -> Row:
        """One row of the file."""
        if len(cells) != self._width:
            raise TableInvalid(self._file, number, f"{len(cells)} cells, not {self._width}")
        fields: dict[str, str | list[str]] = {}
        for place, field in self._fields:
            text = cells[place].strip()
            if text:
                fields[field] = text.split(BETWEEN_VALUES) if BETWEEN_VALUES in text else text
        name = str(number) if self._id is None else cells[self._id].strip()
        return Row(name, self._true_customer(number, cells), fields)

    def _true_customer(self, number: int, cells: Sequence[str]) -> str:
        if self._truth is None:
            return ""
        found = self._pattern.search(cells[self._truth].strip())
        if found is None:
            raise TableInvalid(self._file, number, "the truth does not fit its pattern")
        return found[1] if found.re.groups else found[0]

    def _place(self, at: Mapping[str, int], column: str) -> int:
        if column not in at:
            raise TableInvalid(self._file, 1, f"there is no column {column!r}")
        return at[column]


def _numbered(table: Iterable[list[str]], file: str) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for number, cells in enumerate(table, start=1):
            yield number, cells
    except (csv.Error, UnicodeDecodeError) as error:
        raise TableInvalid(file, number + 1, str(error)) from error
