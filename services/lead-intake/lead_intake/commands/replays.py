"""Replays: quarantined items are mapped again under the rules in force, each rule's verdict once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.store import deliveries
from lead_intake.store import replays as store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from servicekit.database import Database, UnitOfWork

    from lead_intake.store.replays import Choice

AT_ONCE_MAX = 100_000
PART = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many items match, how many of them are mapped again so far, and how many are left alone."""

    total_count: int
    replayed_count: int
    unchanged_count: int


async def replay(uow: UnitOfWork, choice: Choice) -> Replayed:
    """Lets quarantined items be mapped again, 100,000 at most; counts those that these very rules quarantined."""
    total, worth_it = await store.count(uow.raw, choice)
    taken = await store.take(uow.raw, choice, after=store.BEGINNING, limit=AT_ONCE_MAX)
    if taken.delivery_ids:
        await deliveries.receive_again(uow.raw, taken.delivery_ids)
    return Replayed(total, taken.count, total - worth_it)


async def replay_in_parts(
    database: Database, choice: Choice, *, on_part: Callable[[], None]
) -> AsyncIterator[Replayed]:
    """The same for any number, oldest first, five hundred in a transaction; each item is taken once at most."""
    async with database.raw() as raw:
        total, worth_it = await store.count(raw, choice)
    replayed, place = 0, store.BEGINNING
    while True:
        yield Replayed(total, replayed, total - worth_it)
        async with database.unit_of_work() as uow:
            taken = await store.take(uow.raw, choice, after=place, limit=PART)
            if taken.delivery_ids:
                await deliveries.receive_again(uow.raw, taken.delivery_ids)
        if not taken.count:
            return
        on_part()
        replayed, place = replayed + taken.count, taken.last
