"""The arithmetic of the ledger: whatever the books say, every item stands in exactly one place."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from reporting.domain.books import Book, Books, Cell, Items, Standing, Sum, agree
from reporting.domain.leads import Entry, trace_of
from reporting.domain.ledger import Line, Missing, began_at, counted_line, itemised_line

HOUR = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
CELL = Cell("website_form", HOUR)
CUT = HOUR + timedelta(minutes=30)
DECIDED = (Standing.ASSIGNED, Standing.WAITING, Standing.MERGED, Standing.POOLED)
AT_DOOR = (Standing.PASSED, Standing.REJECTED, Standing.QUARANTINED, Standing.WAITING)


def lead(number: int, *, young: bool = False) -> UUID:
    """A UUIDv7 of the hour's first second, or of a minute after the cut."""
    at = CUT + timedelta(minutes=1) if young else HOUR
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | number)


@st.composite
def cells(draw: st.DrawFn) -> Items:
    """Any four books of one cell: each item is on each book or not."""
    books: tuple[dict[UUID, Standing], ...] = ({}, {}, {}, {})
    for number in range(draw(st.integers(0, 12))):
        item = lead(number, young=draw(st.booleans()))
        choices = (AT_DOOR, (Standing.PASSED,), DECIDED, (Standing.PASSED,))
        for book, standings in zip(books, choices, strict=True):
            if draw(st.booleans()):
                book[item] = draw(st.sampled_from(standings))
    return Items(*books)


@given(cells())
def test_every_accepted_item_stands_in_exactly_one_place(items: Items) -> None:
    line, missing = itemised_line(CELL, items, settled_before=CUT)

    old = {i for i in _everything(items) if began_at(i, CELL) < CUT}
    assert line.accepted == len(set(items.intake) | old)
    assert line.missing == len(missing) == len({m.lead_id for m in missing})
    assert line.in_flight <= line.waiting


@given(cells())
def test_only_settled_items_are_ever_missing(items: Items) -> None:
    _, missing = itemised_line(CELL, items, settled_before=CUT)

    assert all(began_at(m.lead_id, CELL) < CUT for m in missing)
    assert all(m.present_in != m.missing_in for m in missing)


@given(st.lists(st.sampled_from((Standing.REJECTED, Standing.QUARANTINED, *DECIDED)), max_size=20))
def test_books_that_agree_give_the_same_line_by_counts_as_by_items(
    places: list[Standing],
) -> None:
    items = Items({}, {}, {}, {})
    for number, place in enumerate(places):
        _put(items, lead(number), place)
    books = Books(*(_book(each) for each in _four(items)))

    line, missing = itemised_line(CELL, items, settled_before=CUT)

    assert agree(books, CELL)
    assert missing == []
    assert counted_line(books, CELL) == line


@given(st.integers(1, 20), st.data())
def test_a_lead_dropped_from_any_book_makes_the_books_disagree(
    size: int, data: st.DataObject
) -> None:
    items = Items({}, {}, {}, {})
    for number in range(size):
        _put(items, lead(number), data.draw(st.sampled_from(DECIDED)))
    book = data.draw(st.sampled_from(_four(items)))
    dropped = data.draw(st.sampled_from(sorted(book)))
    del book[dropped]

    line, missing = itemised_line(CELL, items, settled_before=CUT)

    assert not agree(Books(*(_book(each) for each in _four(items))), CELL)
    assert [m.lead_id for m in missing] == [dropped]
    assert (line.accepted, line.missing) == (size, 1)


def test_a_missing_lead_is_named_with_the_hop_that_lost_it() -> None:
    a, b, c, d = (lead(number) for number in range(4))
    passed = Standing.PASSED
    items = Items(
        intake={a: passed, b: passed, c: passed},
        identity={b: passed, c: passed, d: passed},
        assignment={c: Standing.ASSIGNED, d: Standing.WAITING},
        reporting={a: passed, b: passed},
    )

    line, missing = itemised_line(CELL, items, settled_before=CUT)

    assert missing == [
        Missing(a, CELL, "lead-intake", "identity"),
        Missing(b, CELL, "identity", "assignment"),
        Missing(c, CELL, "lead-intake", "reporting"),
        Missing(d, CELL, "assignment", "lead-intake"),
    ]
    assert line == Line(missing=4)


def test_a_young_lead_that_a_later_book_lacks_is_on_its_way() -> None:
    young = lead(1, young=True)
    items = Items({young: Standing.PASSED}, {}, {}, {})

    line, missing = itemised_line(CELL, items, settled_before=CUT)

    assert line == Line(waiting=1, in_flight=1)
    assert missing == []


def test_what_the_door_still_works_on_is_waiting_however_old() -> None:
    items = Items({lead(1): Standing.WAITING}, {}, {}, {})

    line, _ = itemised_line(CELL, items, settled_before=CUT)

    assert line == Line(waiting=1, in_flight=1)


def test_a_later_book_that_was_read_a_moment_later_proves_an_acceptance() -> None:
    books = Books(
        intake={CELL: {Standing.PASSED: Sum(1, 5)}},
        identity={},
        assignment={CELL: {Standing.ASSIGNED: Sum(2, 9)}},
        reporting={},
    )

    assert counted_line(books, CELL) == Line(assigned=2)


def test_the_trace_of_a_lead_is_that_of_its_newest_intake_event() -> None:
    def entry(event: str, trace_id: str) -> Entry:
        return Entry(HOUR, event, "", trace_id)

    replayed = [
        entry("DeliveryQuarantined", "a" * 32),
        entry("LeadReceived", "b" * 32),
        entry("ContactOverdue", "c" * 32),
    ]

    assert trace_of(replayed) == "b" * 32
    assert trace_of([entry("LeadAssigned", ""), entry("LeadContacted", "d" * 32)]) == "d" * 32
    assert trace_of([]) == ""


def _put(items: Items, item: UUID, place: Standing) -> None:
    """Puts an item where it belongs on all four books."""
    intake, identity, assignment, reporting = _four(items)
    intake[item] = place
    if place in DECIDED:
        intake[item] = Standing.PASSED
        identity[item] = Standing.PASSED
        assignment[item] = place
    reporting[item] = place


def _four(items: Items) -> list[dict[UUID, Standing]]:
    return [
        each
        for each in (items.intake, items.identity, items.assignment, items.reporting)
        if isinstance(each, dict)
    ]


def _everything(items: Items) -> set[UUID]:
    return {*items.intake, *items.identity, *items.assignment, *items.reporting}


def _book(items: dict[UUID, Standing]) -> Book:
    sums: dict[Standing, Sum] = {}
    for item, standing in items.items():
        checksum = int.from_bytes(item.bytes[8:], signed=True)
        sums[standing] = sums.get(standing, Sum()).plus(Sum(1, checksum))
    return {CELL: sums} if sums else {}


def test_lines_add_up() -> None:
    lines = [Line(assigned=1, missing=2), Line(waiting=3, in_flight=1)]

    assert reduce(Line.plus, lines) == Line(assigned=1, missing=2, waiting=3, in_flight=1)
