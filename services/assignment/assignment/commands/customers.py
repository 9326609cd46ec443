"""Keeping one owner and one conversation for each customer while customers merge and part.

identity states who is who; assignment decides what that means for leads that somebody acts on already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment import wire
from assignment.commands.releasing import give_back, owner_of
from assignment.domain.customers import going_on
from assignment.domain.decisions import Cause, Decision, Outcome
from assignment.domain.leads import OpenLead
from assignment.store import customers as store
from assignment.store import decisions as decision_store
from assignment.store import leads as lead_store
from assignment.store import timers as timer_store
from assignment.store import withdrawals as withdrawal_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.leads import StoredLead


async def merge_customers(
    uow: UnitOfWork, desk: Desk, golden_ids: Sequence[str], *, into: str
) -> None:
    """Makes customers one: of their open leads one goes on, the others join it and leave their owners.

    Leads that arrive later under one of `golden_ids` are the survivor's. Repeated, it changes nothing.
    """
    await withdrawal_store.lock(uow.raw)
    await store.alias(uow.raw, golden_ids, into)
    lead_ids = await store.open_leads_of(uow.raw, [into, *golden_ids])
    stored = await lead_store.lock_leads(uow.raw, lead_ids)
    goes_on = going_on(stored.values())
    if goes_on is not None:
        joining = [each for each in stored.values() if each is not goes_on]
        if joining:
            await _join(uow, desk, joining, goes_on)
    await store.rekey(uow.raw, golden_ids, into)


async def part_customers(uow: UnitOfWork, parts: Mapping[str, Sequence[UUID]]) -> bool:
    """Gives leads to customers who turned out to be others: Golden IDs with their leads.

    One who had only joined the other's conversation gets one of their own: their oldest lead waits for an owner again.
    Says whether there is such a lead.
    """
    await withdrawal_store.lock(uow.raw)
    await store.unalias(uow.raw, list(parts))
    reopened = False
    for golden_id, lead_ids in sorted(parts.items()):
        await store.take_along(uow.raw, lead_ids, golden_id)
        lead_id = await store.reopen(uow.raw, golden_id)
        if lead_id is not None:
            await timer_store.forget(uow.raw, lead_id)
            reopened = True
    return reopened


async def _join(
    uow: UnitOfWork, desk: Desk, joining: Sequence[StoredLead], goes_on: StoredLead
) -> None:
    router, _ = await desk.router(uow.raw, now=uow.now)
    into = OpenLead(goes_on.lead.lead_id, owner_of(goes_on))
    lead_ids = [each.lead.lead_id for each in joining]
    await give_back(uow, router, joining)
    await store.join(uow.raw, lead_ids, into.lead_id)
    await timer_store.cancel(uow.raw, lead_ids)
    decisions = [
        Decision(each.lead.lead_id, each.decision_count + 1, Outcome.MERGED, Cause.CUSTOMERS_MERGED)
        for each in joining
    ]
    await decision_store.add_decisions(uow.raw, decisions, router=router, decided_at=uow.now)
    for each in joining:
        event = wire.lead_merged(each.lead, into)
        uow.publish(event, key=str(each.lead.lead_id), cause=each.lead.traceparent)
