"""Holds that end: owners are warned, and permissions is told whose time with a lead is over (docs/adr/0049)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from assignment import wire
from assignment.commands.fuse import TIMERS_BATCH_SIZE, Fired
from assignment.domain.clocks import HOLD_TIMER, concerned
from assignment.domain.holds import Ring, ring
from assignment.store import leads as lead_store
from assignment.store import timers as timer_store

if TYPE_CHECKING:
    from datetime import datetime

    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.clocks import Timer
    from assignment.domain.holds import Hold
    from assignment.domain.leads import Lead, Owned


async def fire_hold_clocks(uow: UnitOfWork, desk: Desk) -> Fired:
    """Warns owners whose time is nearly over, and states whose is; their clocks are set anew.

    What was done meanwhile is looked at when a clock rings: a follow-up moves none.
    """
    timers = await timer_store.take_due(uow.raw, HOLD_TIMER, now=uow.now, limit=TIMERS_BATCH_SIZE)
    if not timers:
        return Fired(0)
    stored = await lead_store.lock_leads(uow.raw, [timer.lead_id for timer in timers])
    router, _ = await desk.router(uow.raw, now=uow.now)
    rung: list[tuple[Timer, Ring, datetime]] = []
    for timer in timers:
        lead = stored.get(timer.lead_id)
        owned = concerned(lead, timer)
        if lead is not None and owned is not None:
            held = desk.pool.hold_of(lead, router.score_of(lead.lead), since=timer.started_at)
            what, next_at = ring(timer, held, now=uow.now)
            rung.append((timer, what, next_at))
            # A warning that comes late is of the end that it leaves.
            ends_at = next_at if what is Ring.WARNING else held.recycle_at
            _publish(uow, lead.lead, owned, held._replace(recycle_at=ends_at), what)
    await timer_store.restart(
        uow.raw, HOLD_TIMER, [replace(timer, due_at=next_at) for timer, _, next_at in rung]
    )
    return Fired(len(timers), [timer for timer, what, _ in rung if what is not Ring.TOO_EARLY])


def _publish(uow: UnitOfWork, lead: Lead, owned: Owned, held: Hold, what: Ring) -> None:
    match what:
        case Ring.WARNING:
            warning = wire.pool_warning(lead, owned, held)
            uow.publish(warning, key=str(lead.lead_id), cause=lead.traceparent)
        case Ring.EXPIRED:
            expired = wire.lead_hold_expired(lead, owned, held)
            uow.publish(expired, key=str(lead.lead_id), cause=lead.traceparent)
        case Ring.TOO_EARLY:
            return
