"""The golden 72 hours (FU-08): owners who do nothing that counts are yellow after 48, and overdue after 72.

Their clock is their own (AS-15). What counts is engagement's to say: `FollowUpBecameEffective`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assignment import wire
from assignment.commands.clocks import start_overdue_clocks
from assignment.commands.fuse import TIMERS_BATCH_SIZE, Fired
from assignment.domain.clocks import (
    OVERDUE_TIMER,
    YELLOW_TIMER,
    TeamClocks,
    concerned,
    is_idle,
)
from assignment.domain.leads import Owned
from assignment.store import leads as lead_store
from assignment.store import timers as timer_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg
    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.candidates import Router
    from assignment.domain.clocks import Timer
    from assignment.domain.leads import LeadId, RepId, StoredLead


@dataclass(frozen=True, slots=True)
class _Idle:
    """A lead whose owner has done nothing that counts since their clock started."""

    timer: Timer
    stored: StoredLead
    owned: Owned


async def note_effective(uow: UnitOfWork, done: Sequence[tuple[LeadId, RepId, datetime]]) -> None:
    """Stops the clocks of owners who did something that counts; others' doings, and unknown leads, are passed over."""
    stored = await lead_store.lock_leads(uow.raw, sorted({lead_id for lead_id, *_ in done}))
    effective: dict[LeadId, datetime] = {}
    for lead_id, author_id, at in done:
        standing = stored[lead_id].standing if lead_id in stored else None
        if isinstance(standing, Owned) and standing.assignee_id == author_id:
            effective[lead_id] = max(effective.get(lead_id, at), min(at, uow.now))
    if effective:
        await lead_store.mark_effective(uow.raw, effective)


async def fire_yellow_clocks(uow: UnitOfWork, desk: Desk) -> Fired:
    """Warns of owners whose 48 hours are over; their clocks go on until 72."""
    taken, idle = await _take(uow.raw, YELLOW_TIMER, uow.now)
    if idle:
        router, _ = await desk.router(uow.raw, now=uow.now)
        going_on = [(each.timer, each.owned) for each in idle]
        await start_overdue_clocks(uow, TeamClocks(router, now=uow.now), desk.sla, going_on)
        for each in idle:
            manager_id = _manager_of(router, each.owned)
            event = wire.follow_up_became_yellow(
                each.stored.lead, each.owned, each.timer, manager_id=manager_id
            )
            uow.publish(event, key=str(event.lead_id), cause=each.stored.lead.traceparent)
    return Fired(taken, [each.timer for each in idle])


async def fire_overdue_clocks(uow: UnitOfWork, desk: Desk) -> Fired:
    """States whose 72 hours are over, and that a review is due."""
    taken, idle = await _take(uow.raw, OVERDUE_TIMER, uow.now)
    if idle:
        router, _ = await desk.router(uow.raw, now=uow.now)
        clocks = TeamClocks(router, now=uow.now)
        for each in idle:
            lead, owned, manager_id = each.stored.lead, each.owned, _manager_of(router, each.owned)
            overdue = wire.follow_up_overdue(lead, owned, each.timer, manager_id=manager_id)
            review = clocks.timer(
                lead.lead_id, owned, desk.sla.review_within, started_at=clocks.now
            )
            required = wire.review_required(lead, owned, review, manager_id=manager_id)
            uow.publish(overdue, key=str(lead.lead_id), cause=lead.traceparent)
            uow.publish(required, key=str(lead.lead_id), cause=lead.traceparent)
    return Fired(taken, [each.timer for each in idle])


async def _take(raw: asyncpg.Connection, kind: str, now: datetime) -> tuple[int, list[_Idle]]:
    """How many clocks have run out, and those that find their owner idle, with their locked leads."""
    timers = await timer_store.take_due(raw, kind, now=now, limit=TIMERS_BATCH_SIZE)
    if not timers:
        return 0, []
    stored = await lead_store.lock_leads(raw, [timer.lead_id for timer in timers])
    idle = [
        _Idle(timer, lead, owned)
        for timer in timers
        if (lead := stored.get(timer.lead_id)) is not None
        and (owned := concerned(lead, timer)) is not None
        and is_idle(lead, timer)
    ]
    return len(timers), idle


def _manager_of(router: Router, owned: Owned) -> str:
    rep = router.reps.get(owned.assignee_id)
    return rep.manager_id if rep is not None else ""
