"""Takes in what other systems and services state about customers and leads, and forgets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from identity.domain.facts import settled
from identity.store import facts as store
from identity.wire import facts as wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from identity.domain.facts import Fact


async def record_facts(uow: UnitOfWork, facts: Iterable[Fact]) -> None:
    """Keeps facts; any order, and any repetition, ends in the same rows."""
    known = settled(facts)
    if known:
        await store.save(uow.raw, known)


async def suppress(uow: UnitOfWork, subject_indexes: Sequence[bytes]) -> None:
    """Leaves whoever was forgotten at their own request alone: by lead-intake's digests of how they were named."""
    if subject_indexes:
        await store.suppress(uow.raw, subject_indexes, now=uow.now)


async def forget(
    uow: UnitOfWork,
    *,
    tokens: Sequence[int],
    record_ids: Sequence[int] = (),
    lead_ids: Sequence[UUID] = (),
) -> int:
    """Deletes what is kept of whoever has these identifiers, records and leads; returns how many facts and leads.

    `tokens` must be those that nobody else has: a fact by a shared phone is somebody else's, too.
    """
    return await store.forget(uow.raw, tokens=tokens, record_ids=record_ids, lead_ids=lead_ids)


async def kept(
    uow: UnitOfWork, *, tokens: Sequence[int], lead_ids: Sequence[UUID] = ()
) -> list[dict[str, Any]]:
    """The facts about whoever has these identifiers and leads, as they are told to that person."""
    rows = await store.kept(uow.raw, tokens=tokens, lead_ids=lead_ids)
    return [wire.kept_fact(row) for row in rows]
