"""Opening opportunities, and keeping whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.store import customers as customer_store
from engagement.store import opportunities as store
from engagement.wire import opportunities as wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from engagement.commands.stages import Stages
    from engagement.domain.opportunities import Assigned


async def keep_assignments(uow: UnitOfWork, stages: Stages, leads: Sequence[Assigned]) -> None:
    """Opens an opportunity for each lead that has its first owner, and follows hand-overs."""
    newest = {
        each.lead_id: each for each in sorted(leads, key=lambda assigned: assigned.assignment_no)
    }
    known = await store.opened(uow.raw, list(newest))
    kept = await store.assign(uow.raw, list(newest.values()))
    new = [opportunity for opportunity in kept if opportunity.lead_id not in known]
    await stages.begin(uow, new)
    for opportunity in new:
        uow.publish(wire.opportunity_opened(opportunity), key=str(opportunity.lead_id))


async def merge_customers(uow: UnitOfWork, golden_ids: Sequence[str], *, into: str) -> None:
    """Makes customers one. Repeated, it changes nothing."""
    await customer_store.merge(uow.raw, golden_ids, into)


async def part_customers(uow: UnitOfWork, parts: Mapping[str, Sequence[UUID]]) -> None:
    """Gives opportunities to customers who turned out to be others: Golden IDs with their leads."""
    for golden_id, lead_ids in sorted(parts.items()):
        await customer_store.part(uow.raw, golden_id, lead_ids)
