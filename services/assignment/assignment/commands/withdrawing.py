"""Closing the leads of an undone import (IN-19), however late or early its withdrawal comes.

lead-intake states a wish, and assignment decides: a lead that its owner has contacted, or that others have joined,
stays. What assignment decides is what the books say: its own has a withdrawn lead as rejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment import wire
from assignment.commands.releasing import give_back, owner_of
from assignment.domain.decisions import Cause, Decision, Outcome
from assignment.domain.leads import Withdrawn
from assignment.domain.withdrawals import Verdict, judge
from assignment.store import decisions as decision_store
from assignment.store import leads as lead_store
from assignment.store import timers as timer_store
from assignment.store import withdrawals as withdrawal_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.candidates import Router
    from assignment.domain.leads import Lead, LeadId, RepId, StoredLead


async def withdraw_leads(uow: UnitOfWork, desk: Desk, imports: Mapping[LeadId, UUID]) -> int:
    """Closes those of the leads that nobody has done anything about; returns how many.

    `imports` names the import of each. A lead that is not here yet is closed when it comes.
    """
    await withdrawal_store.lock(uow.raw)
    await withdrawal_store.wish(uow.raw, imports)
    wished = await withdrawal_store.wished_with_joined(uow.raw, list(imports))
    stored = await lead_store.lock_leads(uow.raw, list(wished))
    joined = await withdrawal_store.joined_by_others(uow.raw, stored)
    verdicts = {
        lead_id: judge(each.standing, is_joined=lead_id in joined)
        for lead_id, each in stored.items()
    }
    closed = [stored[lead_id] for lead_id in verdicts if verdicts[lead_id] is Verdict.CLOSED]
    if closed:
        await _close(uow, desk, closed, wished)
    settled = [lead_id for lead_id in verdicts if verdicts[lead_id] is not Verdict.POSTPONED]
    await withdrawal_store.settle(uow.raw, settled)
    return len(closed)


async def close_arrived(
    uow: UnitOfWork, router: Router, leads: Sequence[Lead], *, openings: int
) -> set[LeadId]:
    """Keeps those new leads as closed that were withdrawn before they came; returns which.

    The caller holds the lock of arrivals, and none of the leads is here.
    """
    wished = await withdrawal_store.wished(uow.raw, [lead.lead_id for lead in leads])
    if not wished:
        return set()
    closed = {lead.lead_id: lead for lead in leads if lead.lead_id in wished}.values()
    placed = [(lead, Withdrawn(wished[lead.lead_id])) for lead in closed]
    decisions = [_decision(lead.lead_id, 1) for lead in closed]
    await lead_store.add_leads(uow.raw, placed, openings=openings, scores={})
    await decision_store.add_decisions(uow.raw, decisions, router=router, decided_at=uow.now)
    await withdrawal_store.settle(uow.raw, wished)
    for lead in closed:
        _publish(uow, lead, wished[lead.lead_id], assignee=None)
    return set(wished)


async def _close(
    uow: UnitOfWork, desk: Desk, closed: Sequence[StoredLead], imports: Mapping[LeadId, UUID]
) -> None:
    router, _ = await desk.router(uow.raw, now=uow.now)
    await give_back(uow, router, closed)
    lead_ids = [each.lead.lead_id for each in closed]
    decisions = [_decision(each.lead.lead_id, each.decision_count + 1) for each in closed]
    await lead_store.withdraw(uow.raw, {lead_id: imports[lead_id] for lead_id in lead_ids})
    await decision_store.add_decisions(uow.raw, decisions, router=router, decided_at=uow.now)
    await timer_store.cancel(uow.raw, lead_ids)
    for each in closed:
        lead = each.lead
        _publish(uow, lead, imports[lead.lead_id], assignee=owner_of(each))


def _decision(lead_id: LeadId, number: int) -> Decision:
    return Decision(lead_id, number, Outcome.WITHDRAWN, Cause.IMPORT_UNDONE)


def _publish(uow: UnitOfWork, lead: Lead, import_id: UUID, *, assignee: RepId | None) -> None:
    event = wire.lead_withdrawn(lead, import_id, assignee=assignee)
    uow.publish(event, key=str(lead.lead_id), cause=lead.traceparent)
