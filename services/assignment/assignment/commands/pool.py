"""The public pool: leads go in when permissions releases them from their owners, and out when a rep claims them.

Whoever makes no contact in time loses a lead to the pool too: see `assignment.commands.fuse`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment import wire
from assignment.commands.clocks import start_contact_clocks
from assignment.commands.releasing import give_back
from assignment.domain.answers import day_began
from assignment.domain.clocks import TeamClocks
from assignment.domain.contact import UnknownLead
from assignment.domain.decisions import Cause, Decision, Outcome
from assignment.domain.leads import Owned
from assignment.domain.pool import (
    AskedAgain,
    Claimed,
    MayNotClaim,
    check_cool_down,
    claims_left,
    pooled,
)
from assignment.domain.routing import hand
from assignment.store import boards as board_store
from assignment.store import decisions as decision_store
from assignment.store import leads as lead_store
from assignment.store import pool as store
from assignment.store import timers as timer_store
from assignment.store import withdrawals as withdrawal_store

if TYPE_CHECKING:
    import asyncpg
    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.candidates import Router
    from assignment.domain.leads import LeadId, RepId, StoredLead
    from assignment.domain.reps import Rep
    from assignment.domain.routing import Assigned


async def pool_lead(
    uow: UnitOfWork, desk: Desk, lead_id: LeadId, *, previous_owner: RepId, reason: str
) -> bool:
    """Puts a lead into the pool that `previous_owner` lost; says whether it was still theirs."""
    stored = (await lead_store.lock_leads(uow.raw, [lead_id])).get(lead_id)
    owned = stored.standing if stored is not None else None
    if stored is None or not isinstance(owned, Owned) or owned.assignee_id != previous_owner:
        return False
    router, _ = await desk.router(uow.raw, now=uow.now)
    await give_back(uow, router, [stored])
    await store.pool(uow.raw, [lead_id], uow.now)
    number = stored.decision_count + 1
    decision = Decision(lead_id, number, Outcome.POOLED, Cause.RELEASED)
    await decision_store.add_decisions(uow.raw, [decision], router=router, decided_at=uow.now)
    await timer_store.cancel(uow.raw, [lead_id])
    event = wire.lead_pooled(stored.lead, owned, reason=reason)
    uow.publish(event, key=str(lead_id), cause=stored.lead.traceparent)
    return True


async def claim_lead(uow: UnitOfWork, desk: Desk, lead_id: LeadId, rep_id: RepId) -> Claimed:
    """Gives a lead of the pool to the first who asks.

    Raises `UnknownLead`, `NotInPool`, `CoolingDown`, `AskedAgain`, `MayNotClaim`, `TooManyClaims` and `NoRoom`.
    """
    stored = await _locked(uow.raw, lead_id)
    check_cool_down(stored, rep_id, desk.pool.terms, now=uow.now)
    router, _ = await desk.router(uow.raw, now=uow.now)
    rep = router.reps.get(rep_id)
    if rep is None or not rep.active:
        raise MayNotClaim(rep_id)
    ruling, left = await _ruling(uow, desk, router, stored, rep)
    clocks = TeamClocks(router, now=uow.now)
    due_at = clocks.due_at(rep_id, desk.sla.contact_within)
    owned = Owned(rep_id, pooled(stored).assignment_no + 1, due_at, uow.now)
    await _save(uow, router, stored, owned, ruling)
    await start_contact_clocks(uow, clocks, desk.sla, {lead_id: owned})
    _publish(uow, clocks, stored, owned, ruling)
    return Claimed(due_at, left)


async def _locked(raw: asyncpg.Connection, lead_id: LeadId) -> StoredLead:
    """The lead, locked together with its customer: nobody opens another lead of theirs meanwhile."""
    await withdrawal_store.lock_arrivals(raw)
    found = await lead_store.get_lead(raw, lead_id)
    if found is None:
        raise UnknownLead(lead_id)
    golden_id = found.lead.golden_id
    await lead_store.lock_customers(raw, [golden_id])
    stored = (await lead_store.lock_leads(raw, [lead_id]))[lead_id]
    pooled(stored)
    other = (await lead_store.open_leads(raw, [golden_id])).get(golden_id)
    if other is not None:
        raise AskedAgain(lead_id, other.lead_id)
    return stored


async def _ruling(
    uow: UnitOfWork, desk: Desk, router: Router, stored: StoredLead, rep: Rep
) -> tuple[Assigned, int]:
    path = router.path(stored.lead)
    board = await board_store.lock_board(uow.raw, [path], now=uow.now, owners=[rep.rep_id])
    claimed = await store.claimed_since(uow.raw, rep.rep_id, day_began(uow.now))
    left = claims_left(rep, claimed, board.open_counts.get(rep.rep_id, 0), desk.pool.terms)
    ruling = hand(path, board, rep.rep_id)
    await board_store.save_board(uow.raw, board, now=uow.now)
    return ruling, left


async def _save(
    uow: UnitOfWork, router: Router, stored: StoredLead, owned: Owned, ruling: Assigned
) -> None:
    lead_id, number = stored.lead.lead_id, stored.decision_count + 1
    decision = Decision(lead_id, number, Outcome.ASSIGNED, Cause.CLAIMED, ruling)
    await store.own(uow.raw, lead_id, owned)
    await store.add_claim(uow.raw, lead_id, owned)
    await decision_store.add_decisions(uow.raw, [decision], router=router, decided_at=uow.now)


def _publish(
    uow: UnitOfWork, clocks: TeamClocks, stored: StoredLead, owned: Owned, ruling: Assigned
) -> None:
    lead, before = stored.lead, pooled(stored)
    claimed = wire.lead_claimed(lead, owned, before)
    uow.publish(claimed, key=str(lead.lead_id), cause=lead.traceparent)
    assigned = wire.lead_assigned(
        lead,
        owned,
        ruling,
        cause=Cause.CLAIMED,
        previous=before.previous_owner_id,
        clocks=clocks,
    )
    uow.publish(assigned, key=str(lead.lead_id), cause=lead.traceparent)
