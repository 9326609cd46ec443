"""Events that assignment acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.identity.v1.events_pb2 import LeadIdentified
from leadchain.permissions.v1.events_pb2 import SessionsRevoked

from assignment import commands, wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork


def subscribe(bus: Bus, desk: commands.Desk) -> None:
    """Registers what assignment reads: leads whose customer is known, and who has left."""

    @bus.on_batch(LeadIdentified)
    async def assign_identified_leads(events: Sequence[LeadIdentified], uow: UnitOfWork) -> None:
        """Only a lead whose customer is known can be told from one who asks again."""
        leads = [wire.lead(event, uow.traceparent_of(event)) for event in events]
        await commands.assign_leads(uow, desk, leads)

    @bus.on(SessionsRevoked)
    async def retire_who_left(event: SessionsRevoked, uow: UnitOfWork) -> None:
        """Whoever has left the company gets no further leads."""
        await commands.retire_reps(uow, wire.departed(event))
