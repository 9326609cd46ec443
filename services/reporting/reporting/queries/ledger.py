"""The ledger: every service's book of a span, compared."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from reporting.clients import BookUnreachable
from reporting.domain.books import Books, Items, Span, agree
from reporting.domain.ledger import Ledger, began_at, counted_line, itemised_line

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable
    from datetime import datetime, timedelta
    from uuid import UUID

    from reporting.clients import Keeper
    from reporting.domain.books import Cell

T = TypeVar("T")


class BooksUnreachable(Exception):  # noqa: N818 - errors are named by what is wrong
    """Books that the ledger needs could not be read; `services` are whose."""

    def __init__(self, services: list[str]) -> None:
        super().__init__(", ".join(services))
        self.services = services


@dataclass(frozen=True, slots=True)
class Keepers:
    """Whose books the ledger compares, in the order in which a lead passes them."""

    intake: Keeper
    identity: Keeper
    assignment: Keeper
    reporting: Keeper

    def all(self) -> tuple[Keeper, Keeper, Keeper, Keeper]:
        """The four, in order."""
        return self.intake, self.identity, self.assignment, self.reporting


async def get_ledger(keepers: Keepers, span: Span, *, now: datetime, grace: timedelta) -> Ledger:
    """The ledger of a span; without lines when a book could not be read, for nothing is guessed.

    Items older than `grace` must be on every book that they should have reached; younger ones may be on their way.
    """
    cut = now - grace if span.until is None else min(now - grace, span.until)
    try:
        settled = await _read_books(keepers, Span(span.since, cut))
        young = await _read_books(keepers, Span(_latest(span.since, cut), span.until))
        ledger = Ledger()
        for cell in sorted(settled.cells() | young.cells()):
            if agree(settled, cell):
                line = counted_line(settled, cell).plus(counted_line(young, cell))
            else:
                items = await _read_items(keepers, cell, until=span.until)
                line, missing = itemised_line(cell, items, settled_before=cut)
                ledger.missing.extend(missing)
            ledger.lines[cell] = line
    except BooksUnreachable as error:
        return Ledger(unreachable=error.services)
    return ledger


async def _read_books(keepers: Keepers, span: Span) -> Books:
    return Books(*await _all(keeper.book(span.since, span.until) for keeper in keepers.all()))


async def _read_items(keepers: Keepers, cell: Cell, *, until: datetime | None) -> Items:
    books = await _all(keeper.items(cell) for keeper in keepers.all())
    return Items(*({i: s for i, s in b.items() if _before(i, cell, until)} for b in books))


async def _all(readings: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all readings gave, read at the same time; raises `BooksUnreachable` with all that could not be."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_kept(reading)) for reading in readings]
    results = [task.result() for task in tasks]
    unreachable = [each.service for each in results if isinstance(each, BookUnreachable)]
    if unreachable:
        raise BooksUnreachable(unreachable)
    return [each for each in results if not isinstance(each, BookUnreachable)]


async def _kept(reading: Coroutine[Any, Any, T]) -> T | BookUnreachable:
    try:
        return await reading
    except BookUnreachable as error:
        return error


def _before(lead_id: UUID, cell: Cell, until: datetime | None) -> bool:
    return until is None or began_at(lead_id, cell) < until


def _latest(since: datetime | None, cut: datetime) -> datetime:
    return cut if since is None else max(since, cut)
