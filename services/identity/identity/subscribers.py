"""Events that identity acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1.events_pb2 import LeadReceived
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.erasures import asked, parts

from identity import commands, wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork
    from servicekit.erasures import Erasures

    from identity.wire import LeadReader


def subscribe(bus: Bus, reader: LeadReader, erasures: Erasures) -> None:
    """Registers what identity reads; `reader` opens the leads' contacts, `erasures` forgets them."""

    @bus.on_batch(LeadReceived)
    async def identify_received_leads(events: Sequence[LeadReceived], uow: UnitOfWork) -> None:
        """A lead's owner, rights and reports all hang on whose it is."""
        await commands.identify_leads(uow, [reader.arrival(event) for event in events])

    @bus.on(SubjectErasureRequested)
    async def erase_subject(event: SubjectErasureRequested, uow: UnitOfWork) -> None:
        """A phone by which somebody is known is the most personal thing that identity has."""
        erased = await erasures.carry_out(uow, *asked(event.request_id, event.lead_ids))
        uow.publish(
            wire.subject_erased(event.request_id, erased), key=event.request_id, cause=event
        )

    @bus.on(SubjectExportRequested)
    async def export_subject(event: SubjectExportRequested, uow: UnitOfWork) -> None:
        """Whoever asks what is kept about them is told of this too."""
        records = await commands.kept_about(uow, asked(event.request_id, event.lead_ids).keys)
        for part in parts(records):
            uow.publish(
                wire.subject_exported(event.request_id, part), key=event.request_id, cause=event
            )
