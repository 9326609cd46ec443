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
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

INTAKE = "lead-intake"
IDENTITY = "identity"
ASSIGNMENT = "assignment"
REPORTING = "reporting"
UUID_TIME_SHIFT = 80


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


class Verdict(Enum):
    """Where an accepted item stands in the ledger."""

    ASSIGNED = "assigned"
    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    MERGED = "merged"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    MISSING = "missing"


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
class Seal:
    """A sealed beginning of permissions' audit log, as published: a signed checkpoint in its text form."""

    event_id: UUID
    note: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """Items received from `since` (None: the beginning) up to `until` (None: now)."""

    since: datetime | None = None
    until: datetime | None = None


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

    @property
    def accepted(self) -> int:
        """Items that lead-intake accepted."""
        parts = (self.assigned, self.waiting, self.merged, self.rejected, self.quarantined)
        return sum(parts) + self.missing

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


def agree(books: Books, cell: Cell) -> bool:
    """Whether the four books of a cell hold the same items, hop by hop."""
    intake = books.intake.get(cell, {})
    passed = intake.get(Standing.PASSED, Sum())
    settled = _sum(intake, Standing.PASSED, Standing.REJECTED, Standing.QUARANTINED)
    return passed == _all(books.identity, cell) == _all(books.assignment, cell) and settled == _all(
        books.reporting, cell
    )


def counted_line(books: Books, cell: Cell) -> Line:
    """The line of a cell by its counts alone: what passed and was not decided yet is in flight.

    Exact where the books agree, and for a cell too young to demand that they do: a book that was read a moment later
    may hold more than the one before it, and what it holds was accepted.
    """
    intake = books.intake.get(cell, {})
    decided = books.assignment.get(cell, {})
    undecided = _count(intake, Standing.PASSED) - sum(each.size for each in decided.values())
    in_flight = max(0, undecided) + _count(intake, Standing.WAITING)
    return Line(
        assigned=_count(decided, Standing.ASSIGNED),
        waiting=_count(decided, Standing.WAITING) + in_flight,
        merged=_count(decided, Standing.MERGED),
        rejected=_count(intake, Standing.REJECTED) + _count(decided, Standing.REJECTED),
        quarantined=_count(intake, Standing.QUARANTINED),
        in_flight=in_flight,
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
    )


def _all(book: Book, cell: Cell) -> Sum:
    return _sum(book.get(cell, {}), *Standing)


def _sum(cell: Mapping[Standing, Sum], *standings: Standing) -> Sum:
    return _joined(cell[standing] for standing in standings if standing in cell)


def _joined(sums: Iterable[Sum]) -> Sum:
    total = Sum()
    for each in sums:
        total = total.plus(each)
    return total


def _count(cell: Mapping[Standing, Sum], standing: Standing) -> int:
    return cell.get(standing, Sum()).size


class Fact(NamedTuple):
    """One event as it is stored: `..._us` are microseconds of Unix time, `number` the assignment that ran out."""

    lead_id: str
    event_id: str
    channel: str
    received_us: int
    occurred_us: int
    summary: str
    trace_id: str | None
    number: int = 0


@dataclass(frozen=True, slots=True)
class FunnelLine:
    """Leads of one channel, day and outcome, and how far they got."""

    channel: str
    day: str
    outcome: str
    lead_count: int
    granted_count: int
    reminded_count: int
    contacted_count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a lead; `trace_id` is empty when it was not traced."""

    occurred_at: datetime
    event: str
    summary: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Latency:
    """Accept-to-reminded latency in milliseconds over `lead_count` leads; times are None without any."""

    lead_count: int
    p50_ms: float
    p99_ms: float
    first_accepted_at: datetime | None
    last_reminded_at: datetime | None


TRACE_SOURCES = ("LeadReceived", "LeadRejected", "DeliveryQuarantined")


def trace_of(entries: Iterable[Entry]) -> str:
    """The trace in which a lead came in: that of its newest intake event, else of its first traced event."""
    traced = [entry for entry in entries if entry.trace_id]
    for event in TRACE_SOURCES:
        of_event = [entry.trace_id for entry in traced if entry.event == event]
        if of_event:
            return of_event[-1]
    return traced[0].trace_id if traced else ""
