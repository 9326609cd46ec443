"""Events that permissions acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.assignment.v1.pool_events_pb2 import LeadHoldExpired, LeadPooled
from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged, CustomerSplit
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.erasures import asked, parts

from permissions.commands import customers, follow_ups, privacy, taking_back
from permissions.commands import leases as commands
from permissions.queries.leases import terms_of
from permissions.wire import customers as customers_wire
from permissions.wire import leases as wire
from permissions.wire import privacy as privacy_wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork
    from servicekit.erasures import Erasures

    from permissions.queries.live import Live


def subscribe(bus: Bus, live: Live, erasures: Erasures) -> None:
    """Registers what permissions reads; leases run by the terms of `live`'s policy."""
    _subscribe_to_ownership(bus, live)
    _subscribe_to_customers(bus)
    _subscribe_to_privacy(bus, erasures)


def _subscribe_to_ownership(bus: Bus, live: Live) -> None:

    @bus.on_batch(LeadAssigned)
    async def grant_assigned_leads(events: Sequence[LeadAssigned], uow: UnitOfWork) -> None:
        """Who must act on a lead may edit it, and whoever had it before may not any longer."""
        await commands.grant_ownerships(uow, [wire.arrival(event) for event in events])

    @bus.on_batch(LeadPooled)
    async def take_back_uncontacted(events: Sequence[LeadPooled], uow: UnitOfWork) -> None:
        """Whoever made no contact in time has no lease on what assignment put into the pool."""
        losses = [loss for event in events if (loss := wire.pooled(event)) is not None]
        if losses:
            await taking_back.take_back_leads(uow, losses, terms_of(live))

    @bus.on_batch(LeadHoldExpired)
    async def recycle_held(events: Sequence[LeadHoldExpired], uow: UnitOfWork) -> None:
        """Whose time with a lead is over loses it, unless it is protected or exempt."""
        losses = [wire.hold_expired(event) for event in events]
        await taking_back.take_back_leads(uow, losses, terms_of(live))

    @bus.on_batch(FollowUpBecameEffective)
    async def restart_clocks(events: Sequence[FollowUpBecameEffective], uow: UnitOfWork) -> None:
        """Whoever does something that counts keeps what they own (PM-03)."""
        touches = [wire.effective_follow_up(event) for event in events]
        await follow_ups.restart_clocks(uow, touches, terms_of(live), actor="engagement")


def _subscribe_to_customers(bus: Bus) -> None:
    @bus.on(CustomerMerged)
    async def move_merged_leads(event: CustomerMerged, uow: UnitOfWork) -> None:
        """Who may read a customer follows from their leads, whoever they turned out to be."""
        await customers.move_leads(uow, now=customers_wire.merged_leads(event))

    @bus.on(CustomerSplit)
    async def move_parted_leads(event: CustomerSplit, uow: UnitOfWork) -> None:
        """Leads of another person say nothing about who may read this one."""
        now, before = customers_wire.parted_leads(event)
        await customers.move_leads(uow, now=now, before=before)


def _subscribe_to_privacy(bus: Bus, erasures: Erasures) -> None:
    @bus.on(SubjectErasureRequested)
    async def erase_subject(event: SubjectErasureRequested, uow: UnitOfWork) -> None:
        """A reason that somebody gave may name whose lead it is."""
        erased = await erasures.carry_out(uow, *asked(event.request_id, event.lead_ids))
        uow.publish(
            privacy_wire.subject_erased(event.request_id, erased), key=event.request_id, cause=event
        )

    @bus.on(SubjectExportRequested)
    async def export_subject(event: SubjectExportRequested, uow: UnitOfWork) -> None:
        """Whoever asks what is kept about them is told of this too."""
        records = await privacy.kept_about(uow, asked(event.request_id, event.lead_ids).keys)
        for part in parts(records):
            uow.publish(
                privacy_wire.subject_exported(event.request_id, part),
                key=event.request_id,
                cause=event,
            )
