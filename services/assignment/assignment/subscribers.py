"""Events that assignment acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.engagement.v1.follow_up_events_pb2 import (
    FollowUpBecameEffective,
    FollowUpRecorded,
)
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged, CustomerSplit
from leadchain.identity.v1.events_pb2 import LeadIdentified
from leadchain.intake.v1.import_events_pb2 import LeadsWithdrawn
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from leadchain.permissions.v1.events_pb2 import CustomerReleased, SessionsRevoked
from servicekit.erasures import asked, parts

from assignment import commands, wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork
    from servicekit.erasures import Erasures


def subscribe(bus: Bus, desk: commands.Desk, erasures: Erasures) -> None:
    """Registers what assignment reads: identified and withdrawn leads, who has left, who is to be forgotten."""

    @bus.on_batch(LeadIdentified)
    async def assign_identified_leads(events: Sequence[LeadIdentified], uow: UnitOfWork) -> None:
        """Only a lead whose customer is known can be told from one who asks again."""
        leads = [wire.lead(event, uow.traceparent_of(event)) for event in events]
        await commands.assign_leads(uow, desk, leads)

    @bus.on(CustomerMerged)
    async def merge_customers(event: CustomerMerged, uow: UnitOfWork) -> None:
        """One customer has one owner and one conversation."""
        await commands.merge_customers(
            uow, desk, list(event.merged_golden_ids), into=event.golden_id
        )

    @bus.on(CustomerSplit)
    async def part_customers(event: CustomerSplit, uow: UnitOfWork) -> None:
        """Whoever was taken for somebody else has been waiting without anybody knowing."""
        await commands.part_customers(uow, wire.parts(event))

    @bus.on(LeadsWithdrawn)
    async def withdraw_leads(event: LeadsWithdrawn, uow: UnitOfWork) -> None:
        """Nobody shall call people who never asked."""
        await commands.withdraw_leads(uow, desk, wire.taken_back(event))

    _subscribe_follow_ups(bus)
    _subscribe_ownership(bus, desk)
    _subscribe_privacy(bus, erasures)


def _subscribe_follow_ups(bus: Bus) -> None:
    @bus.on_batch(FollowUpRecorded)
    async def stop_clocks(events: Sequence[FollowUpRecorded], uow: UnitOfWork) -> None:
        """Whoever records a call need not say again that contact was made."""
        made = [wire.contact(event) for event in events if event.is_contact]
        await commands.note_follow_ups(uow, made)

    @bus.on_batch(FollowUpBecameEffective)
    async def stop_golden_hours(events: Sequence[FollowUpBecameEffective], uow: UnitOfWork) -> None:
        """Whoever did something that counts is not late (FU-08)."""
        await commands.note_effective(uow, [wire.effective_follow_up(event) for event in events])


def _subscribe_ownership(bus: Bus, desk: commands.Desk) -> None:
    @bus.on(CustomerReleased)
    async def pool_released(event: CustomerReleased, uow: UnitOfWork) -> None:
        """What its owner has lost is there for everybody."""
        released = wire.released(event)
        if released is not None:
            lead_id, owner = released
            await commands.pool_lead(uow, desk, lead_id, previous_owner=owner, reason=event.reason)

    @bus.on(SessionsRevoked)
    async def retire_who_left(event: SessionsRevoked, uow: UnitOfWork) -> None:
        """Whoever has left the company, or may not work for now, gets no further leads."""
        rep_ids, reason = wire.departed(event)
        await commands.retire_reps(uow, rep_ids, reason=reason)


def _subscribe_privacy(bus: Bus, erasures: Erasures) -> None:
    @bus.on(SubjectErasureRequested)
    async def erase_subject(event: SubjectErasureRequested, uow: UnitOfWork) -> None:
        """What reps are shown of a phone helps to say whose it is."""
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
