"""Events that engagement acts on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from leadchain.assignment.v1.clock_events_pb2 import ReviewRequired
from leadchain.assignment.v1.events_pb2 import (
    LeadAssigned,
    LeadContacted,
    LeadMerged,
    LeadWithdrawn,
)
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged, CustomerSplit
from leadchain.identity.v1.events_pb2 import FactIdentified
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from leadchain.permissions.v1.events_pb2 import CustomerReleased, OwnershipGranted
from servicekit.erasures import asked
from servicekit.erasures import parts as parts_of

from engagement.commands import opportunities as commands
from engagement.commands import privacy
from engagement.domain.tasks import REVIEW
from engagement.store import opportunities as store
from engagement.wire import opportunities as wire
from engagement.wire import privacy as privacy_wire
from engagement.wire import task_events as task_wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork
    from servicekit.erasures import Erasures

    from engagement.commands.stages import Stages
    from engagement.commands.tasks import Tasks
    from engagement.domain.opportunities import Contacted, Ended, Owned
    from engagement.seals import Seals

    Stated = TypeVar("Stated", Contacted, Ended, Owned)
    TakeFacts: TypeAlias = Callable[[UnitOfWork, Sequence[FactIdentified]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Acting:
    """What handlers act with; `take_facts` takes what is needed of outside facts."""

    seals: Seals
    stages: Stages
    tasks: Tasks
    take_facts: TakeFacts


def subscribe(bus: Bus, erasures: Erasures, acting: Acting) -> None:
    """Registers everything that engagement reads."""
    _subscribe_to_facts(bus, acting.take_facts)
    _subscribe_to_assignment(bus, acting.stages)
    _subscribe_to_clocks(bus, acting.tasks)
    _subscribe_to_ownership(bus)
    _subscribe_to_customers(bus)
    _subscribe_to_privacy(bus, erasures, acting.seals)


def _subscribe_to_facts(bus: Bus, take: TakeFacts) -> None:
    @bus.on_batch(FactIdentified)
    async def take_facts(events: Sequence[FactIdentified], uow: UnitOfWork) -> None:
        """What other systems saw proves what our people did, and moves what they work on."""
        await take(uow, events)


def _subscribe_to_assignment(bus: Bus, stages: Stages) -> None:
    @bus.on_batch(LeadAssigned)
    async def open_opportunities(events: Sequence[LeadAssigned], uow: UnitOfWork) -> None:
        """A lead that somebody must act on is an opportunity."""
        await commands.keep_assignments(uow, stages, [wire.assigned(event) for event in events])

    @bus.on_batch(LeadContacted, is_convergent=True)
    async def keep_contacts(events: Sequence[LeadContacted], uow: UnitOfWork) -> None:
        """How long a customer waited is part of how far it is."""
        await store.contact(uow.raw, _latest(wire.contacted(event) for event in events))

    @bus.on_batch(LeadMerged, is_convergent=True)
    async def keep_joined(events: Sequence[LeadMerged], uow: UnitOfWork) -> None:
        """A lead that joined another is no opportunity of its own."""
        await store.end(uow.raw, _latest(wire.merged(event) for event in events))

    @bus.on_batch(LeadWithdrawn, is_convergent=True)
    async def keep_withdrawn(events: Sequence[LeadWithdrawn], uow: UnitOfWork) -> None:
        """A lead of an undone import is none."""
        await store.end(uow.raw, _latest(wire.withdrawn(event) for event in events))


def _subscribe_to_clocks(bus: Bus, tasks: Tasks) -> None:
    @bus.on(ReviewRequired)
    async def ask_for_review(event: ReviewRequired, uow: UnitOfWork) -> None:
        """Whoever let time pass says why, and what is done about it (FU-09)."""
        await tasks.open(uow, REVIEW, *task_wire.review(event))


def _subscribe_to_ownership(bus: Bus) -> None:
    @bus.on_batch(OwnershipGranted, is_convergent=True)
    async def keep_owners(events: Sequence[OwnershipGranted], uow: UnitOfWork) -> None:
        """Whose an opportunity is by right, which assignment alone does not decide."""
        await store.own(uow.raw, _in_force(wire.granted(event) for event in events))

    @bus.on_batch(CustomerReleased, is_convergent=True)
    async def keep_releases(events: Sequence[CustomerReleased], uow: UnitOfWork) -> None:
        """What fell to the pool is nobody's."""
        stated = (wire.released(event) for event in events)
        await store.own(uow.raw, _in_force(owned for owned in stated if owned is not None))


def _subscribe_to_customers(bus: Bus) -> None:
    @bus.on(CustomerMerged)
    async def merge_customers(event: CustomerMerged, uow: UnitOfWork) -> None:
        """What was done for one of two customers was done for the one they are."""
        merged = list(event.merged_golden_ids)
        await commands.merge_customers(uow, merged, into=event.golden_id)

    @bus.on(CustomerSplit)
    async def part_customers(event: CustomerSplit, uow: UnitOfWork) -> None:
        """Whoever was taken for somebody else has opportunities of their own."""
        await commands.part_customers(uow, wire.parts(event))


def _subscribe_to_privacy(bus: Bus, erasures: Erasures, seals: Seals) -> None:
    @bus.on(SubjectErasureRequested)
    async def erase_subject(event: SubjectErasureRequested, uow: UnitOfWork) -> None:
        """Whatever says whose a lead is goes."""
        erased = await erasures.carry_out(uow, *asked(event.request_id, event.lead_ids))
        answer = privacy_wire.subject_erased(event.request_id, erased)
        uow.publish(answer, key=event.request_id, cause=event)

    @bus.on(SubjectExportRequested)
    async def export_subject(event: SubjectExportRequested, uow: UnitOfWork) -> None:
        """Whoever asks what is kept about them is told of this too."""
        keys = asked(event.request_id, event.lead_ids).keys
        records = await privacy.kept_about(uow, keys, seals)
        for part in parts_of(records):
            answer = privacy_wire.subject_exported(event.request_id, part)
            uow.publish(answer, key=event.request_id, cause=event)


def _latest(stated: Iterable[Stated]) -> list[Stated]:
    """What is said last about each lead."""
    return list({each.lead_id: each for each in stated}.values())


def _in_force(stated: Iterable[Owned]) -> list[Owned]:
    """Whom permissions names last for each lead."""
    return _latest(sorted(stated, key=lambda owned: owned.audit_seq))
