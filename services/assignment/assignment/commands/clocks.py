"""Starting the clocks of owners, one after the other: a lead has one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.clocks import (
    CONTACT_TIMER,
    OVERDUE_TIMER,
    YELLOW_TIMER,
    concerned,
    is_idle,
)
from assignment.store import timers as timer_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import UnitOfWork

    from assignment.domain.clocks import TeamClocks, Timer
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


async def start_overdue_clocks(
    uow: UnitOfWork, clocks: TeamClocks, sla: ContactSla, idle: Sequence[tuple[Timer, Owned]]
) -> None:
    """Lets yellow clocks go on until 72 hours are over (FU-08)."""
    going_on = [
        clocks.timer(timer.lead_id, owned, sla.overdue_after, started_at=timer.started_at)
        for timer, owned in idle
    ]
    await timer_store.start(uow.raw, OVERDUE_TIMER, going_on)
