"""Events that permissions acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.assignment.v1.events_pb2 import LeadAssigned

from permissions.commands import leases as commands
from permissions.wire import leases as wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork


def subscribe(bus: Bus) -> None:
    """Registers what permissions reads."""

    @bus.on_batch(LeadAssigned)
    async def grant_assigned_leads(events: Sequence[LeadAssigned], uow: UnitOfWork) -> None:
        """Who must act on a lead may edit it, and whoever had it before may not any longer."""
        await commands.grant_ownerships(uow, [wire.arrival(event) for event in events])
