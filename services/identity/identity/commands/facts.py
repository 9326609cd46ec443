"""Takes in what other systems and services state about customers and leads, and forgets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from servicekit.erasures import Erased

from identity.domain.contactability import Suppressed
from identity.domain.facts import Named, meant, settled
from identity.store import fact_owners
from identity.store import facts as store
from identity.wire import facts as wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from servicekit.database import UnitOfWork

    from identity.domain.facts import Fact
    from identity.wire.facts import Reported


async def record_facts(uow: UnitOfWork, facts: Iterable[Fact]) -> None:
    """Keeps facts; any order, and any repetition, ends in the same rows."""
    known = settled(facts)
    if known:
        await store.save(uow.raw, known)


async def identify_facts(uow: UnitOfWork, told: Sequence[tuple[Reported, Fact]]) -> None:
    """Keeps facts, and states of each telling whose it is."""
    await record_facts(uow, [fact for _, fact in told])
    await pass_on(uow, [(event, Named(fact.tokens, fact.reference)) for event, fact in told])


async def pass_on(uow: UnitOfWork, told: Sequence[tuple[Reported, Named]]) -> None:
    """States of each telling whose it is; what it tells is kept by whoever needs it."""
    tokens = [(place, token) for place, (_, whom) in enumerate(told) for token in whom.tokens]
    named = [(place, meant(whom.reference)) for place, (_, whom) in enumerate(told)]
    leads = [(place, name) for place, name in named if isinstance(name, UUID)]
    customers = [(place, name) for place, name in named if isinstance(name, str)]
    owners = await fact_owners.owners(uow.raw, tokens, leads, customers)
    for place, (event, _) in enumerate(told):
        stated = wire.fact_identified(event, owners.get(place, ""))
        uow.publish(stated, key=stated.golden_id or stated.item_id, cause=event)


async def suppress(
    uow: UnitOfWork, subject_indexes: Sequence[bytes], suppressed: Suppressed = Suppressed.ALL
) -> None:
    """Leaves people alone, by lead-intake's digests of how they were named; whoever was erased, for everything."""
    if subject_indexes:
        await store.suppress(uow.raw, subject_indexes, suppressed, now=uow.now)


async def unsuppress(
    uow: UnitOfWork, subject_indexes: Sequence[bytes], suppressed: Suppressed
) -> None:
    """Leaves people alone no longer for one purpose."""
    await store.unsuppress(uow.raw, subject_indexes, suppressed)


async def forget_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
    """Deletes the facts about the people of these leads, while it is known by what they are known.

    What is known by an identifier that others have too is theirs as well, and stays.
    """
    own, shared, record_ids = await store.known_by(uow.raw, lead_ids)
    count = await forget(uow, tokens=own, record_ids=record_ids, lead_ids=lead_ids)
    holds = ["wishes not to be contacted, by keyed identifiers, so that they are heeded"]
    if shared:
        holds.append("facts of other systems by identifiers that others have, too")
    return Erased(count, tuple(holds))


async def kept_about(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The facts about the people of these leads, by identifiers that nobody else has."""
    own, _, _ = await store.known_by(uow.raw, lead_ids)
    return await kept(uow, tokens=own, lead_ids=lead_ids)


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
