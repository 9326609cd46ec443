"""Starting the clocks of owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.clocks import CONTACT_TIMER
from assignment.store import timers as timer_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import UnitOfWork

    from assignment.domain.clocks import TeamClocks
    from assignment.domain.leads import LeadId, Owned
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
