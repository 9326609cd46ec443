"""Events that identity acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1.events_pb2 import LeadReceived

from identity import commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork

    from identity.wire import LeadReader


def subscribe(bus: Bus, reader: LeadReader) -> None:
    """Registers what identity reads; `reader` opens the leads' contacts."""

    @bus.on_batch(LeadReceived)
    async def identify_received_leads(events: Sequence[LeadReceived], uow: UnitOfWork) -> None:
        """A lead's owner, rights and reports all hang on whose it is."""
        await commands.identify_leads(uow, [reader.arrival(event) for event in events])
