"""The conservation of leads: every accepted item stands in exactly one place, or is missing by name.

A cell is the items that came by one channel in one hour. Each service keeps a book of cells; the books of a settled
cell must agree, hop by hop, in number and checksum. Where they do not, the items themselves are compared.

Where a lead stands is said by the last service that has it: lead-intake of what it did not hand on, assignment of what
it has decided. So a lead of an undone import that was handed on has passed lead-intake for good, and is rejected when
assignment says that it is withdrawn; one that assignment has to keep, for contact was made, stays assigned. Nothing
depends on which of the two was told first, or how often.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from reporting.domain.books import (
    ASSIGNMENT,
    IDENTITY,
    INTAKE,
    REPORTING,
    Cell,
    Items,
    Standing,
    count,
)

if TYPE_CHECKING:
    from uuid import UUID

    from reporting.domain.books import Books

UUID_TIME_SHIFT = 80


class Verdict(Enum):
    """Where an accepted item stands in the ledger."""

    ASSIGNED = "assigned"
    POOLED = "pooled"
    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    MERGED = "merged"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    MISSING = "missing"


class Missing(NamedTuple):
    """An item that one service has and another should have, but has not."""

    lead_id: UUID
    cell: Cell
    present_in: str
    missing_in: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger. Accepted is the sum of the others; what is in flight is part of the waiting."""

    assigned: int = 0
    waiting: int = 0
    merged: int = 0
    rejected: int = 0
    quarantined: int = 0
    missing: int = 0
    in_flight: int = 0
    pooled: int = 0

    @property
    def accepted(self) -> int:
        """Items that lead-intake accepted."""
        placed = self.assigned + self.pooled + self.waiting + self.merged
        return placed + self.rejected + self.quarantined + self.missing

    def plus(self, other: Line) -> Line:
        """The line of two sets without common items."""
        return Line(
            assigned=self.assigned + other.assigned,
            waiting=self.waiting + other.waiting,
            merged=self.merged + other.merged,
            rejected=self.rejected + other.rejected,
            quarantined=self.quarantined + other.quarantined,
            missing=self.missing + other.missing,
            in_flight=self.in_flight + other.in_flight,
            pooled=self.pooled + other.pooled,
        )


@dataclass
class Ledger:
    """The lines by cell, what is missing by name, and whose book could not be read."""

    lines: dict[Cell, Line] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)

    def total(self) -> Line:
        """The sum of all lines."""
        total = Line()
        for line in self.lines.values():
            total = total.plus(line)
        return total


def counted_line(books: Books, cell: Cell) -> Line:
    """The line of a cell by its counts alone: what passed and was not decided yet is in flight.

    Exact where the books agree, and for a cell too young to demand that they do: a book that was read a moment later
    may hold more than the one before it, and what it holds was accepted.
    """
    intake = books.intake.get(cell, {})
    decided = books.assignment.get(cell, {})
    undecided = count(intake, Standing.PASSED) - sum(each.size for each in decided.values())
    in_flight = max(0, undecided) + count(intake, Standing.WAITING)
    return Line(
        assigned=count(decided, Standing.ASSIGNED),
        waiting=count(decided, Standing.WAITING) + in_flight,
        merged=count(decided, Standing.MERGED),
        rejected=count(intake, Standing.REJECTED) + count(decided, Standing.REJECTED),
        quarantined=count(intake, Standing.QUARANTINED),
        in_flight=in_flight,
        pooled=count(decided, Standing.POOLED),
    )


def itemised_line(
    cell: Cell, items: Items, *, settled_before: datetime
) -> tuple[Line, list[Missing]]:
    """The line of a cell item by item, and what is missing.

    An item that began at `settled_before` or later is on its way where a book lacks it; an older one is missing.
    """
    counts: Counter[Verdict] = Counter()
    missing = []
    for lead_id in {*items.intake, *items.identity, *items.assignment, *items.reporting}:
        young = began_at(lead_id, cell) >= settled_before
        gap = _gap(lead_id, items, young=young)
        if gap is not None and not young:
            counts[Verdict.MISSING] += 1
            missing.append(Missing(lead_id, cell, *gap))
        elif lead_id in items.intake:
            counts[_standing(lead_id, items, is_open=gap is not None)] += 1
    return _line(counts), sorted(missing)


def began_at(lead_id: UUID, cell: Cell) -> datetime:
    """When an item entered the chain, read from its UUIDv7; the start of its hour for any other id."""
    if lead_id.version != 7:
        return cell.hour
    return datetime.fromtimestamp((lead_id.int >> UUID_TIME_SHIFT) / 1000, UTC)


def _gap(lead_id: UUID, items: Items, *, young: bool) -> tuple[str, str] | None:
    """The first hop that lost an item: who has it and who has not; None when nobody lost it."""
    standing = items.intake.get(lead_id)
    if standing is None:
        return _last_that_has(lead_id, items), INTAKE
    if standing is Standing.PASSED:
        if lead_id not in items.identity:
            return INTAKE, IDENTITY
        if lead_id not in items.assignment:
            return IDENTITY, ASSIGNMENT
    if standing is not Standing.WAITING and not young and lead_id not in items.reporting:
        return INTAKE, REPORTING
    return None


def _last_that_has(lead_id: UUID, items: Items) -> str:
    if lead_id in items.assignment:
        return ASSIGNMENT
    return IDENTITY if lead_id in items.identity else REPORTING


def _standing(lead_id: UUID, items: Items, *, is_open: bool) -> Verdict:
    """Where an item stands that nobody lost; `is_open` when the next book does not have it yet."""
    match items.intake[lead_id]:
        case Standing.REJECTED:
            return Verdict.REJECTED
        case Standing.QUARANTINED:
            return Verdict.QUARANTINED
    if is_open or lead_id not in items.assignment:
        return Verdict.IN_FLIGHT
    return _DECIDED[items.assignment[lead_id]]


_DECIDED = {
    Standing.ASSIGNED: Verdict.ASSIGNED,
    Standing.POOLED: Verdict.POOLED,
    Standing.WAITING: Verdict.WAITING,
    Standing.MERGED: Verdict.MERGED,
    Standing.REJECTED: Verdict.REJECTED,
}


def _line(counts: Counter[Verdict]) -> Line:
    return Line(
        assigned=counts[Verdict.ASSIGNED],
        waiting=counts[Verdict.WAITING] + counts[Verdict.IN_FLIGHT],
        merged=counts[Verdict.MERGED],
        rejected=counts[Verdict.REJECTED],
        quarantined=counts[Verdict.QUARANTINED],
        missing=counts[Verdict.MISSING],
        in_flight=counts[Verdict.IN_FLIGHT],
        pooled=counts[Verdict.POOLED],
    )
