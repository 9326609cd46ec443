"""Events that somebody must be told about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.assignment.v1.events_pb2 import ContactOverdue, LeadAssigned
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.erasures import asked, parts

from notification import commands, wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork
    from servicekit.erasures import Erasures


def subscribe(bus: Bus, zone: ZoneInfo, erasures: Erasures) -> None:
    """Events this service acts on; times in reminders are of `zone`."""

    @bus.on_batch(LeadAssigned)
    async def remind_owners(events: Sequence[LeadAssigned], uow: UnitOfWork) -> None:
        """The owner must know that they have a new lead."""
        reminders = [
            wire.owner_reminder(event, traceparent=uow.traceparent_of(event), zone=zone)
            for event in events
        ]
        await commands.keep_reminders(uow, reminders)

    @bus.on_batch(ContactOverdue)
    async def tell_managers(events: Sequence[ContactOverdue], uow: UnitOfWork) -> None:
        """A manager must know that a rep of theirs made no contact in time (AS-03)."""
        reminders = [
            wire.manager_reminder(event, traceparent=uow.traceparent_of(event), zone=zone)
            for event in events
            if event.manager_id
        ]
        await commands.keep_reminders(uow, reminders)

    @bus.on(SubjectErasureRequested)
    async def erase_subject(event: SubjectErasureRequested, uow: UnitOfWork) -> None:
        """A card shows what helps to say whose the lead is."""
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
