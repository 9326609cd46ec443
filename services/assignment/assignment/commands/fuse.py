"""The contact clock run out (AS-03): who has the lead next.

A lead whose clock ran out goes to somebody who has not had it; after so many hops, or where there is nobody, to the
manager of its owner; where that is nobody either, to the public pool. It never stays where nobody acted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assignment import wire
from assignment.commands.clocks import (
    start_contact_clocks,
    start_follow_up_clocks,
    start_hold_clocks,
)
from assignment.domain.clocks import CONTACT_TIMER, TeamClocks
from assignment.domain.contact import is_overdue, manager_for, may_hop, next_owner
from assignment.domain.decisions import Cause, Decision, Outcome
from assignment.domain.leads import LeadId, Owned, RepId
from assignment.domain.routing import Assigned, hand, release, route
from assignment.store import boards as board_store
from assignment.store import decisions as decision_store
from assignment.store import leads as lead_store
from assignment.store import pool as pool_store
from assignment.store import reps as rep_store
from assignment.store import timers as timer_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import asyncpg
    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.board import Board
    from assignment.domain.candidates import Path, Router
    from assignment.domain.clocks import Timer
    from assignment.domain.leads import Lead, StoredLead
    from assignment.domain.routing import Ruling
    from assignment.domain.rules import ContactSla

TIMERS_BATCH_SIZE = 1000
CONTACT_OVERDUE = "contact_overdue"
"""Why a lead is in the pool that nobody was left to hand on to."""


@dataclass(frozen=True, slots=True)
class Fired:
    """Timers that were taken, and those of them that found their owner without contact."""

    taken_count: int
    overdue: list[Timer] = field(default_factory=list)

    @property
    def may_be_more(self) -> bool:
        """Whether further timers may have run out."""
        return self.taken_count == TIMERS_BATCH_SIZE


@dataclass(frozen=True, slots=True)
class _Overdue:
    """A lead whose owner let the clock run out."""

    timer: Timer
    stored: StoredLead
    owned: Owned

    @property
    def lead(self) -> Lead:
        """The lead itself."""
        return self.stored.lead


@dataclass(frozen=True, slots=True)
class _HandOver:
    """What becomes of an overdue lead: `next_owned` is None when it goes to the public pool."""

    overdue: _Overdue
    ruling: Ruling | None
    next_owned: Owned | None

    @property
    def decision(self) -> Decision:
        """The decision to keep."""
        outcome = Outcome.POOLED if self.next_owned is None else Outcome.ASSIGNED
        stored = self.overdue.stored
        number = stored.decision_count + 1
        return Decision(stored.lead.lead_id, number, outcome, self.cause, self.ruling)

    @property
    def cause(self) -> Cause:
        """Whether it was handed on, or up."""
        is_up = isinstance(self.ruling, Assigned) and self.ruling.is_out_of_turn
        return Cause.ESCALATED if is_up else Cause.CONTACT_OVERDUE


@dataclass(frozen=True, slots=True)
class _Relay:
    """A lead that may change hands: who has had it, which of the managers may get it, and whether others may."""

    overdue: _Overdue
    path: Path
    owners: AbstractSet[RepId]
    manager_id: RepId | None
    may_hop: bool

    def ruling(self, board: Board) -> Ruling | None:
        """Who gets it; moves the board on. None where nobody was asked."""
        ruling = route(self.path, board, excluded=self.owners) if self.may_hop else None
        if self.manager_id is None or isinstance(ruling, Assigned):
            return ruling
        return hand(self.path, board, self.manager_id, ruling.steps if ruling else ())


async def fire_contact_timers(uow: UnitOfWork, desk: Desk) -> Fired:
    """Takes the clocks that have run out, gives their leads to somebody else, and tells the managers.

    The 48 hours of whoever keeps a lead go on (FU-08), from when they got it.
    """
    timers = await timer_store.take_due(
        uow.raw, CONTACT_TIMER, now=uow.now, limit=TIMERS_BATCH_SIZE
    )
    if not timers:
        return Fired(0)
    stored = await lead_store.lock_leads(uow.raw, [timer.lead_id for timer in timers])
    overdue = _overdue(timers, stored)
    router, _ = await desk.router(uow.raw, now=uow.now)
    clocks = TeamClocks(router, now=uow.now)
    moved: set[LeadId] = set()
    if overdue:
        relays = await _relays(uow.raw, router, desk.sla, overdue)
        hand_overs = await _decide(uow, router, relays, clocks, desk.sla)
        owners = await _save(uow, router, hand_overs)
        await start_contact_clocks(uow, clocks, desk.sla, owners)
        moved.update(each.lead.lead_id for each in overdue)
        for hand_over in hand_overs:
            _publish(uow, router, clocks, hand_over)
    staying = [timer for timer in timers if timer.lead_id not in moved]
    await start_follow_up_clocks(uow, clocks, desk.sla, staying, stored)
    await start_hold_clocks(uow, desk, router, staying, stored)
    return Fired(len(timers), [each.timer for each in overdue])


def _overdue(timers: Sequence[Timer], stored: Mapping[LeadId, StoredLead]) -> list[_Overdue]:
    """The taken timers that still concern somebody, with their locked leads; the most overdue first."""
    return [
        _Overdue(timer, lead, lead.standing)
        for timer in sorted(timers, key=lambda timer: (timer.due_at, timer.lead_id))
        if (lead := stored.get(timer.lead_id)) is not None
        and isinstance(lead.standing, Owned)
        and is_overdue(lead.standing, timer.assignment_no)
    ]


async def _relays(
    raw: asyncpg.Connection, router: Router, sla: ContactSla, overdue: Sequence[_Overdue]
) -> list[_Relay]:
    owners = await decision_store.owners_so_far(raw, [each.lead.lead_id for each in overdue])
    relays: list[_Relay] = []
    for each in overdue:
        had = owners[each.lead.lead_id] | {each.owned.assignee_id}
        manager_id = manager_for(router, each.owned, had, sla)
        hops = may_hop(each.owned, sla)
        relays.append(_Relay(each, router.path(each.lead), had, manager_id, hops))
    return relays


async def _decide(
    uow: UnitOfWork, router: Router, relays: Sequence[_Relay], clocks: TeamClocks, sla: ContactSla
) -> list[_HandOver]:
    owners = {each.overdue.owned.assignee_id for each in relays}
    managers = {each.manager_id for each in relays if each.manager_id is not None}
    paths = [each.path for each in relays if each.may_hop or each.manager_id is not None]
    board = await board_store.lock_board(uow.raw, paths, now=uow.now, owners=owners | managers)
    hand_overs: list[_HandOver] = []
    made_room = False
    for each in relays:
        ruling, next_owned = each.ruling(board), None
        made_room |= release(router, board, each.overdue.owned.assignee_id)
        if isinstance(ruling, Assigned):
            due_at = clocks.due_at(ruling.rep_id, sla.contact_within)
            next_owned = next_owner(each.overdue.owned, ruling.rep_id, due_at=due_at)
        hand_overs.append(_HandOver(each.overdue, ruling, next_owned))
    await board_store.save_board(uow.raw, board, now=uow.now)
    if made_room:
        await rep_store.open_up(uow.raw)
    return hand_overs


async def _save(
    uow: UnitOfWork, router: Router, hand_overs: Sequence[_HandOver]
) -> dict[LeadId, Owned]:
    """Keeps what was decided; returns the new owners."""
    owners: dict[LeadId, Owned] = {}
    decision_counts: dict[LeadId, int] = {}
    pooled: list[LeadId] = []
    for each in hand_overs:
        lead_id = each.overdue.lead.lead_id
        if each.next_owned is None:
            pooled.append(lead_id)
        else:
            owners[lead_id] = each.next_owned
            decision_counts[lead_id] = each.overdue.stored.decision_count + 1
    await lead_store.own_leads(uow.raw, owners, decision_counts)
    if pooled:
        await pool_store.pool(uow.raw, pooled, uow.now)
    decisions = [each.decision for each in hand_overs]
    await decision_store.add_decisions(uow.raw, decisions, router=router, decided_at=uow.now)
    return owners


def _publish(uow: UnitOfWork, router: Router, clocks: TeamClocks, hand_over: _HandOver) -> None:
    """States that contact is overdue, then what became of the lead; both continue the lead's own trace."""
    overdue, lead, owned = hand_over.overdue, hand_over.overdue.lead, hand_over.overdue.owned
    key, cause = str(lead.lead_id), lead.traceparent
    old = router.reps.get(owned.assignee_id)
    next_owned = hand_over.next_owned
    event = wire.contact_overdue(
        lead,
        owned,
        timer=overdue.timer,
        manager_id=old.manager_id if old else "",
        next_assignee=next_owned.assignee_id if next_owned else None,
    )
    uow.publish(event, key=key, cause=cause)
    if next_owned is None or not isinstance(hand_over.ruling, Assigned):
        pooled = wire.lead_pooled(lead, owned, reason=CONTACT_OVERDUE)
        uow.publish(pooled, key=key, cause=cause)
        return
    assigned = wire.lead_assigned(
        lead,
        next_owned,
        hand_over.ruling,
        cause=hand_over.cause,
        previous=owned.assignee_id,
        clocks=clocks,
    )
    uow.publish(assigned, key=key, cause=cause)
