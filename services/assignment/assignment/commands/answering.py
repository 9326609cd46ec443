"""Owners take a lead on, or give it back to somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment import wire
from assignment.commands.clocks import start_contact_clocks
from assignment.domain.answers import (
    Declined,
    NobodyElse,
    check_declinable,
    day_began,
    declines_left,
    owner_answering,
)
from assignment.domain.clocks import TeamClocks
from assignment.domain.contact import UnknownLead, next_owner
from assignment.domain.decisions import Cause, Decision, Outcome
from assignment.domain.routing import Assigned, release, route
from assignment.store import boards as board_store
from assignment.store import decisions as decision_store
from assignment.store import declines as decline_store
from assignment.store import leads as lead_store
from assignment.store import reps as rep_store

if TYPE_CHECKING:
    from datetime import datetime

    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.candidates import Router
    from assignment.domain.leads import LeadId, Owned, RepId, StoredLead


async def accept_lead(uow: UnitOfWork, lead_id: LeadId, rep_id: RepId) -> datetime:
    """Notes that the owner takes a lead on; returns when that was first said.

    Raises `UnknownLead` and `NotYours`. The contact clock runs on: only contact stops it.
    """
    stored = await _stored(uow, lead_id)
    owned = owner_answering(stored, rep_id)
    if stored.accepted_at is not None:
        return stored.accepted_at
    await lead_store.mark_accepted(uow.raw, lead_id, uow.now)
    uow.publish(
        wire.lead_accepted(stored.lead, owned), key=str(lead_id), cause=stored.lead.traceparent
    )
    return uow.now


async def decline_lead(
    uow: UnitOfWork, desk: Desk, lead_id: LeadId, rep_id: RepId, *, reason: str
) -> Declined:
    """Gives a lead to somebody else in its owner's place, none of whom had it before.

    A lead is never without an owner by it: where nobody else can take it, `NobodyElse` is raised and it stays. Raises
    `UnknownLead`, `NotYours`, `UnknownReason`, `ContactMade` and `TooManyDeclines`.
    """
    stored = await _stored(uow, lead_id)
    owned = owner_answering(stored, rep_id)
    check_declinable(stored, owned, reason)
    router, _ = await desk.router(uow.raw, now=uow.now)
    ruling, left = await _ruling(uow, router, stored, owned)
    clocks = TeamClocks(router, now=uow.now)
    due_at = clocks.due_at(ruling.rep_id, desk.sla.contact_within)
    following = next_owner(owned, ruling.rep_id, due_at=due_at)
    await _save(uow, router, stored, following, ruling)
    await start_contact_clocks(uow, clocks, desk.sla, {lead_id: following})
    await decline_store.add_decline(
        uow.raw,
        lead_id,
        rep_id,
        assignment_no=owned.assignment_no,
        declined_at=uow.now,
        reason=reason,
    )
    lead = stored.lead
    declined = wire.lead_declined(lead, owned, reason=reason, following=ruling.rep_id)
    uow.publish(declined, key=str(lead_id), cause=lead.traceparent)
    assigned = wire.lead_assigned(
        lead,
        following,
        ruling,
        cause=Cause.DECLINED,
        previous=rep_id,
        clocks=clocks,
    )
    uow.publish(assigned, key=str(lead_id), cause=lead.traceparent)
    return Declined(ruling.rep_id, left)


async def _stored(uow: UnitOfWork, lead_id: LeadId) -> StoredLead:
    stored = (await lead_store.lock_leads(uow.raw, [lead_id])).get(lead_id)
    if stored is None:
        raise UnknownLead(lead_id)
    return stored


async def _ruling(
    uow: UnitOfWork, router: Router, stored: StoredLead, owned: Owned
) -> tuple[Assigned, int]:
    """Who gets the lead, and how often its owner may decline after this; their load's lock guards the count."""
    lead, rep_id = stored.lead, owned.assignee_id
    path = router.path(lead)
    board = await board_store.lock_board(uow.raw, [path], now=uow.now, owners=[rep_id])
    declined = await decline_store.declined_since(uow.raw, rep_id, day_began(uow.now))
    left = declines_left(rep_id, declined, router.rules.declines_per_day)
    owners = (await decision_store.owners_so_far(uow.raw, [lead.lead_id]))[lead.lead_id]
    ruling = route(path, board, excluded=owners | {rep_id})
    if not isinstance(ruling, Assigned):
        raise NobodyElse(lead.lead_id, len(router.roster.reps))
    made_room = release(router, board, rep_id)
    await board_store.save_board(uow.raw, board, now=uow.now)
    if made_room:
        await rep_store.open_up(uow.raw)
    return ruling, left


async def _save(
    uow: UnitOfWork, router: Router, stored: StoredLead, following: Owned, ruling: Assigned
) -> None:
    lead_id, number = stored.lead.lead_id, stored.decision_count + 1
    decision = Decision(lead_id, number, Outcome.ASSIGNED, Cause.DECLINED, ruling)
    await lead_store.own_leads(uow.raw, {lead_id: following}, {lead_id: number})
    await decision_store.add_decisions(uow.raw, [decision], router=router, decided_at=uow.now)
