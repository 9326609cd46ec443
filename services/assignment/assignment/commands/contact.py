"""The contact clock (AS-03): stopped by the owner, or run out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assignment import wire
from assignment.domain.contact import (
    Timer,
    UnknownLead,
    is_overdue,
    may_hop,
    next_owner,
    owner_marking_contact,
    response_time_ms,
)
from assignment.domain.decisions import Cause, Decision, Outcome
from assignment.domain.leads import LeadId, Owned, RepId
from assignment.domain.routing import Assigned, release, route
from assignment.store import boards as board_store
from assignment.store import decisions as decision_store
from assignment.store import leads as lead_store
from assignment.store import reps as rep_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg
    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.candidates import Router
    from assignment.domain.leads import Lead, StoredLead
    from assignment.domain.routing import Ruling
    from assignment.domain.rules import ContactSla

TIMERS_BATCH_SIZE = 500


async def mark_contacted(
    uow: UnitOfWork, lead_id: LeadId, rep_id: RepId, *, at: datetime | None = None
) -> datetime:
    """Stops the clock, for contact made just now or `at` some time; returns when contact was first marked.

    Raises `UnknownLead`, and `NotTheOwner` for anybody but the owner of this moment: the row lock decides whether the
    owner or the clock was first.
    """
    stored = (await lead_store.lock_leads(uow.raw, [lead_id])).get(lead_id)
    if stored is None:
        raise UnknownLead(lead_id)
    owned = owner_marking_contact(stored, rep_id)
    if owned.contacted_at is not None:
        return owned.contacted_at
    contacted_at = at or uow.now
    await lead_store.mark_contacted(uow.raw, lead_id, contacted_at)
    event = wire.lead_contacted(
        stored.lead, rep_id, response_time_ms=response_time_ms(owned, contacted_at)
    )
    uow.publish(event, key=str(lead_id), cause=stored.lead.traceparent)
    return contacted_at


async def note_follow_ups(uow: UnitOfWork, made: Sequence[tuple[LeadId, RepId, datetime]]) -> None:
    """Stops the clocks of leads whose owners recorded that contact was made.

    Somebody else's follow-up says nothing about the owner, and a lead that is not known here has no clock: both are
    passed over.
    """
    stored = await lead_store.lock_leads(uow.raw, sorted({lead_id for lead_id, *_ in made}))
    for lead_id, rep_id, at in made:
        standing = stored[lead_id].standing if lead_id in stored else None
        if isinstance(standing, Owned) and standing.assignee_id == rep_id:
            await mark_contacted(uow, lead_id, rep_id, at=min(at, uow.now))


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
    """What becomes of an overdue lead: `next_owned` is None when it stays where it is."""

    overdue: _Overdue
    ruling: Ruling | None
    next_owned: Owned | None

    @property
    def decision(self) -> Decision:
        """The decision to keep."""
        outcome = Outcome.KEPT if self.next_owned is None else Outcome.ASSIGNED
        stored = self.overdue.stored
        number = stored.decision_count + 1
        return Decision(stored.lead.lead_id, number, outcome, Cause.CONTACT_OVERDUE, self.ruling)


async def fire_contact_timers(uow: UnitOfWork, desk: Desk) -> Fired:
    """Takes the clocks that have run out, gives their leads to somebody else, and tells the managers.

    A lead whose hops are used up, or that nobody else can take, stays with its owner; the manager is told all the same.
    """
    timers = await decision_store.take_due_timers(uow.raw, now=uow.now, limit=TIMERS_BATCH_SIZE)
    overdue = await _overdue(uow.raw, timers) if timers else []
    if overdue:
        router, _ = await desk.router(uow.raw, now=uow.now)
        hand_overs = await _decide(uow, router, desk.sla, overdue)
        await _save(uow, router, hand_overs)
        for hand_over in hand_overs:
            _publish(uow, router, hand_over)
    return Fired(len(timers), [each.timer for each in overdue])


async def _overdue(raw: asyncpg.Connection, timers: Sequence[Timer]) -> list[_Overdue]:
    """The taken timers that still concern somebody, with their locked leads; the most overdue first."""
    stored = await lead_store.lock_leads(raw, [timer.lead_id for timer in timers])
    return [
        _Overdue(timer, lead, lead.standing)
        for timer in sorted(timers, key=lambda timer: (timer.due_at, timer.lead_id))
        if (lead := stored.get(timer.lead_id)) is not None
        and isinstance(lead.standing, Owned)
        and is_overdue(lead.standing, timer.assignment_no)
    ]


async def _decide(
    uow: UnitOfWork, router: Router, sla: ContactSla, overdue: Sequence[_Overdue]
) -> list[_HandOver]:
    hopping = [each for each in overdue if may_hop(each.owned, sla)]
    owners = await decision_store.owners_so_far(uow.raw, [each.lead.lead_id for each in hopping])
    paths = {each.lead.lead_id: router.path(each.lead) for each in hopping}
    board = await board_store.lock_board(
        uow.raw,
        paths.values(),
        now=uow.now,
        owners={each.owned.assignee_id for each in hopping},
    )
    hand_overs = [_HandOver(each, None, None) for each in overdue if not may_hop(each.owned, sla)]
    made_room = False
    for each in hopping:
        excluded = owners[each.lead.lead_id] | {each.owned.assignee_id}
        ruling = route(paths[each.lead.lead_id], board, excluded=excluded)
        next_owned = None
        if isinstance(ruling, Assigned):
            made_room |= release(router, board, each.owned.assignee_id)
            next_owned = next_owner(each.owned, ruling.rep_id, now=uow.now, sla=sla)
        hand_overs.append(_HandOver(each, ruling, next_owned))
    await board_store.save_board(uow.raw, board, now=uow.now)
    if made_room:
        await rep_store.open_up(uow.raw)
    return hand_overs


async def _save(uow: UnitOfWork, router: Router, hand_overs: Sequence[_HandOver]) -> None:
    owners: dict[LeadId, Owned] = {}
    decision_counts: dict[LeadId, int] = {}
    kept: list[LeadId] = []
    for each in hand_overs:
        lead_id = each.overdue.lead.lead_id
        if each.next_owned is None:
            kept.append(lead_id)
        else:
            owners[lead_id] = each.next_owned
            decision_counts[lead_id] = each.overdue.stored.decision_count + 1
    await lead_store.own_leads(uow.raw, owners, decision_counts)
    await lead_store.count_decisions(uow.raw, kept)
    decisions = [each.decision for each in hand_overs]
    await decision_store.add_decisions(uow.raw, decisions, router=router, decided_at=uow.now)
    await decision_store.start_timers(uow.raw, owners)


def _publish(uow: UnitOfWork, router: Router, hand_over: _HandOver) -> None:
    """States that contact is overdue, then who has the lead now; both continue the lead's own trace."""
    overdue, lead, owned = hand_over.overdue, hand_over.overdue.lead, hand_over.overdue.owned
    old = router.reps.get(owned.assignee_id)
    next_owned = hand_over.next_owned
    event = wire.contact_overdue(
        lead,
        owned,
        timer=overdue.timer,
        manager_id=old.manager_id if old else "",
        next_assignee=next_owned.assignee_id if next_owned else None,
    )
    uow.publish(event, key=str(lead.lead_id), cause=lead.traceparent)
    if next_owned is not None and isinstance(hand_over.ruling, Assigned):
        assigned = wire.lead_assigned(
            lead,
            next_owned,
            hand_over.ruling,
            cause=Cause.CONTACT_OVERDUE,
            previous=owned.assignee_id,
            version=router.rules.version,
        )
        uow.publish(assigned, key=str(lead.lead_id), cause=lead.traceparent)
