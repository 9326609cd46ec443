"""Events that identity acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1.events_pb2 import LeadReceived
from leadchain.intake.v1.import_events_pb2 import LeadsWithdrawn
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.erasures import asked, parts

from identity.commands import facts, identifying
from identity.wire import leads as wire
from identity.wire import privacy as privacy_wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork
    from servicekit.erasures import Erasures

    from identity.commands.erasing import Erasing
    from identity.commands.resolving import Resolver
    from identity.wire.leads import LeadReader


def subscribe(bus: Bus, reader: LeadReader, resolver: Resolver) -> None:
    """Registers what identity reads of leads; `reader` opens their contacts."""

    @bus.on_batch(LeadReceived)
    async def identify_received_leads(events: Sequence[LeadReceived], uow: UnitOfWork) -> None:
        """A lead's owner, rights and reports all hang on whose it is."""
        arrivals = [reader.arrival(event) for event in events]
        await identifying.identify_leads(uow, resolver, arrivals)

    @bus.on(LeadsWithdrawn)
    async def withdraw_leads(event: LeadsWithdrawn, uow: UnitOfWork) -> None:
        """A lead that was imported by mistake must not keep two people together."""
        await identifying.withdraw_leads(uow, resolver, wire.withdrawn(event))


def subscribe_to_requests(bus: Bus, erasures: Erasures, erasing: Erasing) -> None:
    """Registers what people ask about themselves."""

    @bus.on(SubjectErasureRequested)
    async def erase_subject(event: SubjectErasureRequested, uow: UnitOfWork) -> None:
        """What somebody is known by is the most personal thing that identity has."""
        await facts.suppress(uow, list(event.subject_indexes))
        erased = await erasures.carry_out(uow, *asked(event.request_id, event.lead_ids))
        uow.publish(
            privacy_wire.subject_erased(event.request_id, erased), key=event.request_id, cause=event
        )

    @bus.on(SubjectExportRequested)
    async def export_subject(event: SubjectExportRequested, uow: UnitOfWork) -> None:
        """Whoever asks what is kept about them is told of this too."""
        records = await erasing.kept_about(uow, asked(event.request_id, event.lead_ids).keys)
        for part in parts(records):
            uow.publish(
                privacy_wire.subject_exported(event.request_id, part),
                key=event.request_id,
                cause=event,
            )
