"""The books that services keep of the items they have seen, and what is told by comparing two of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

INTAKE = "lead-intake"
IDENTITY = "identity"
ASSIGNMENT = "assignment"
REPORTING = "reporting"


class Standing(IntEnum):
    """Where an item stands on a service's own book; the numbers of `servicekit.v1.BookState`.

    Assignment's book has a withdrawn lead as rejected.
    """

    PASSED = 1
    QUARANTINED = 2
    REJECTED = 3
    ASSIGNED = 4
    WAITING = 5
    MERGED = 6
    POOLED = 7


class Cell(NamedTuple):
    """The items of one channel and hour; `hour` is its start in UTC."""

    channel: str
    hour: datetime


class Sum(NamedTuple):
    """How many items, and the XOR of their ids' last eight bytes: equal sets have equal sums."""

    size: int = 0
    checksum: int = 0

    def plus(self, other: Sum) -> Sum:
        """The sum of two sets without common items."""
        return Sum(self.size + other.size, self.checksum ^ other.checksum)


Book = dict[Cell, dict[Standing, Sum]]
"""A service's book: sums by cell and standing."""


@dataclass(frozen=True, slots=True)
class Books:
    """The four books of one span of time."""

    intake: Book
    identity: Book
    assignment: Book
    reporting: Book

    def cells(self) -> set[Cell]:
        """Every cell that any of them has."""
        return {*self.intake, *self.identity, *self.assignment, *self.reporting}


@dataclass(frozen=True, slots=True)
class Items:
    """The items of one cell on each of the four books."""

    intake: Mapping[UUID, Standing]
    identity: Mapping[UUID, Standing]
    assignment: Mapping[UUID, Standing]
    reporting: Mapping[UUID, Standing]


@dataclass(frozen=True, slots=True)
class Span:
    """Items received from `since` (None: the beginning) up to `until` (None: now)."""

    since: datetime | None = None
    until: datetime | None = None


def agree(books: Books, cell: Cell) -> bool:
    """Whether the four books of a cell hold the same items, hop by hop."""
    intake = books.intake.get(cell, {})
    passed = intake.get(Standing.PASSED, Sum())
    settled = _sum(intake, Standing.PASSED, Standing.REJECTED, Standing.QUARANTINED)
    return passed == _all(books.identity, cell) == _all(books.assignment, cell) and settled == _all(
        books.reporting, cell
    )


def count(cell: Mapping[Standing, Sum], standing: Standing) -> int:
    """How many items of a cell stand somewhere."""
    return cell.get(standing, Sum()).size


def _all(book: Book, cell: Cell) -> Sum:
    return _sum(book.get(cell, {}), *Standing)


def _sum(cell: Mapping[Standing, Sum], *standings: Standing) -> Sum:
    return _joined(cell[standing] for standing in standings if standing in cell)


def _joined(sums: Iterable[Sum]) -> Sum:
    total = Sum()
    for each in sums:
        total = total.plus(each)
    return total
