"""How replicas follow the state: a snapshot of all of it, then the changes of each transaction in order."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from servicekit.errors import TooMany

from permissions.domain.facts import RevisionAhead
from permissions.queries.live import changes_of
from permissions.store import audit, loading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from datetime import datetime

    from accesskit.changes import Change
    from servicekit.database import Database

    from permissions.queries.live import Live

SNAPSHOT_PART_CHANGES = 500
LOG_PAGE = 500
STEPS_KEPT_MAX = 1000
"""Transactions that wait for a slow follower; one who falls further behind has to begin anew."""
CHANGES_KEPT_MAX = 50_000
SIGN_OF_LIFE_S = 1.0


class FellBehind(TooMany):
    """The follower reads more slowly than the state changes; a snapshot is the shorter way."""

    def __init__(self) -> None:
        super().__init__("too far behind; take a snapshot")


class Step(NamedTuple):
    """Changes that lead from one revision to the next; none in a sign of life."""

    previous_revision: int
    revision: int
    changes: Sequence[Change] = ()


class Part(NamedTuple):
    """A part of a snapshot."""

    changes: Sequence[Change]
    revision: int
    log_id: str
    is_last: bool


async def snapshot(database: Database) -> AsyncIterator[Part]:
    """All that decisions are made from, at one revision, at most 500 changes at a time."""
    async with database.raw() as raw, raw.transaction(isolation="repeatable_read"):
        head = await audit.head(raw)
        changes = await loading.every_change(raw)
    starts = range(0, len(changes), SNAPSHOT_PART_CHANGES) or range(1)
    for start in starts:
        part = changes[start : start + SNAPSHOT_PART_CHANGES]
        is_last = start + SNAPSHOT_PART_CHANGES >= len(changes)
        yield Part(part, head.revision, head.log_id, is_last)


async def watch(database: Database, live: Live, *, after_revision: int) -> AsyncIterator[Step]:
    """Every change after a revision, then each new one; a step at least every second.

    First from the log, as far as the state in memory has come, then as that state moves. Raises `RevisionAhead`,
    `FellBehind`, and `Unavailable` once the state is stale: no sign of life may vouch for it.
    """
    await live.catch_up()
    with _listening(live) as arrivals:
        reached = live.engine.revision
        if after_revision > reached:
            raise RevisionAhead
        async for step in _from_log(database, after_revision, reached):
            yield step
        yield Step(reached, reached)
        while True:
            yield await arrivals.next(live)


class _Arrivals:
    """Steps that wait for one follower, up to a bound."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()
        self._changes = 0
        self._arrived = asyncio.Event()
        self._overflowed = False

    def tell(self, before: int, revision: int, changes: Sequence[Change]) -> None:
        self._steps.append(Step(before, revision, changes))
        self._changes += len(changes)
        too_many = len(self._steps) > STEPS_KEPT_MAX or self._changes > CHANGES_KEPT_MAX
        if too_many and len(self._steps) > 1:
            self._overflowed = True
            self._steps.clear()
        self._arrived.set()

    async def next(self, live: Live) -> Step:
        try:
            async with asyncio.timeout(SIGN_OF_LIFE_S):
                await self._arrived.wait()
        except TimeoutError:
            live.refuse_stale()
            return Step(live.engine.revision, live.engine.revision)
        if self._overflowed:
            raise FellBehind
        step = self._steps.popleft()
        self._changes -= len(step.changes)
        if not self._steps:
            self._arrived.clear()
        return step


@contextmanager
def _listening(live: Live) -> Iterator[_Arrivals]:
    arrivals = _Arrivals()
    live.on_changes.append(arrivals.tell)
    try:
        yield arrivals
    finally:
        live.on_changes.remove(arrivals.tell)


async def _from_log(database: Database, after: int, until: int) -> AsyncIterator[Step]:
    """The changes of the entries after one number up to another, those of each transaction together.

    Entries of one transaction have one time; two transactions of the same time are one step, which is as good.
    """
    reached, gathered_at = after, None
    gathered: list[tuple[int, list[Change]]] = []
    async for seq, recorded_at, changes in _entries(database, after, until):
        if gathered and recorded_at != gathered_at:
            yield _step(reached, gathered)
            reached, gathered = gathered[-1][0], []
        gathered.append((seq, changes))
        gathered_at = recorded_at
    if gathered:
        yield _step(reached, gathered)


def _step(previous: int, gathered: Sequence[tuple[int, list[Change]]]) -> Step:
    changes = [change for _, of_entry in gathered for change in of_entry]
    return Step(previous, gathered[-1][0], changes)


async def _entries(
    database: Database, after: int, until: int
) -> AsyncIterator[tuple[int, datetime, list[Change]]]:
    while after < until:
        async with database.raw() as raw:
            page = await audit.changing_entries_after(raw, after, limit=LOG_PAGE)
        for entry in page:
            if entry.seq > until:
                return
            yield entry.seq, entry.recorded_at, changes_of(entry)
        if not page:
            return
        after = page[-1].seq
