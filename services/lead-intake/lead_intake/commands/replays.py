"""Replays: quarantined items are mapped again under the rules in force, each rule's verdict once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.store import deliveries
from lead_intake.store import replays as store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from servicekit.database import Database, UnitOfWork

    from lead_intake.store.replays import Choice, Counted

AT_ONCE_MAX = 100_000
PART = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many items match, how many of them are mapped again so far, and how many are left alone.

    Those that are not replayable are rows of imported files, which are put right in the file.
    """

    total_count: int
    replayed_count: int
    unchanged_count: int
    not_replayable_count: int


async def replay(uow: UnitOfWork, choice: Choice) -> Replayed:
    """Lets quarantined items be mapped again, 100,000 at most; counts those that these very rules quarantined."""
    counted = await store.count(uow.raw, choice)
    taken = await store.take(uow.raw, choice, after=store.BEGINNING, limit=AT_ONCE_MAX)
    if taken.delivery_ids:
        await deliveries.receive_again(uow.raw, taken.delivery_ids)
    return _replayed(counted, taken.count)


async def replay_in_parts(
    database: Database, choice: Choice, *, on_part: Callable[[], None]
) -> AsyncIterator[Replayed]:
    """The same for any number, oldest first, five hundred in a transaction; each item is taken once at most."""
    async with database.raw() as raw:
        counted = await store.count(raw, choice)
    replayed, place = 0, store.BEGINNING
    while True:
        yield _replayed(counted, replayed)
        async with database.unit_of_work() as uow:
            taken = await store.take(uow.raw, choice, after=place, limit=PART)
            if taken.delivery_ids:
                await deliveries.receive_again(uow.raw, taken.delivery_ids)
        if not taken.count:
            return
        on_part()
        replayed, place = replayed + taken.count, taken.last


def _replayed(counted: Counted, replayed_count: int) -> Replayed:
    return Replayed(counted.total, replayed_count, counted.unchanged, counted.without_body)
