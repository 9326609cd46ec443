"""Starting the clocks of owners: contact, then yellow, then overdue; and beside these how long they hold a lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.clocks import (
    CONTACT_TIMER,
    HOLD_TIMER,
    OVERDUE_TIMER,
    YELLOW_TIMER,
    Timer,
    concerned,
    is_idle,
)
from assignment.store import timers as timer_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.candidates import Router
    from assignment.domain.clocks import TeamClocks
    from assignment.domain.leads import LeadId, Owned, StoredLead
    from assignment.domain.rules import ContactSla


async def start_contact_clocks(
    uow: UnitOfWork, clocks: TeamClocks, sla: ContactSla, owners: Mapping[LeadId, Owned]
) -> None:
    """Starts the contact clock (AS-03) of each new owner, now."""
    timers = [
        clocks.timer(lead_id, owned, sla.contact_within, started_at=clocks.now)
        for lead_id, owned in owners.items()
    ]
    await timer_store.start(uow.raw, CONTACT_TIMER, timers)


async def start_follow_up_clocks(
    uow: UnitOfWork,
    clocks: TeamClocks,
    sla: ContactSla,
    timers: Sequence[Timer],
    stored: Mapping[LeadId, StoredLead],
) -> None:
    """Lets clocks go on until 48 hours are over (FU-08), where the same owner has done nothing that counts so far."""
    going_on = [
        clocks.timer(timer.lead_id, owned, sla.yellow_after, started_at=timer.started_at)
        for timer in timers
        if (owned := concerned(stored.get(timer.lead_id), timer)) is not None
        and is_idle(stored[timer.lead_id], timer)
    ]
    await timer_store.start(uow.raw, YELLOW_TIMER, going_on)


async def start_hold_clocks(
    uow: UnitOfWork,
    desk: Desk,
    router: Router,
    timers: Sequence[Timer],
    stored: Mapping[LeadId, StoredLead],
) -> None:
    """Lets owners who keep their leads hold them for as long as the pool's policy says, from when they got them."""
    going_on: list[Timer] = []
    for timer in timers:
        lead = stored.get(timer.lead_id)
        if lead is not None and concerned(lead, timer) is not None:
            held = desk.pool.hold_of(lead, router.score_of(lead.lead), since=timer.started_at)
            going_on.append(
                Timer(timer.lead_id, timer.assignment_no, timer.started_at, held.warn_at)
            )
    await timer_store.start(uow.raw, HOLD_TIMER, going_on)


async def start_overdue_clocks(
    uow: UnitOfWork, clocks: TeamClocks, sla: ContactSla, idle: Sequence[tuple[Timer, Owned]]
) -> None:
    """Lets yellow clocks go on until 72 hours are over (FU-08)."""
    going_on = [
        clocks.timer(timer.lead_id, owned, sla.overdue_after, started_at=timer.started_at)
        for timer, owned in idle
    ]
    await timer_store.start(uow.raw, OVERDUE_TIMER, going_on)
