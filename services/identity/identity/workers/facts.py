"""The events from which the picture of a customer is made: facts of other systems, and the fates of leads.

What is kept converges: events may come again, late, and in any order. Of every fact of another system it is stated
once whose it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.assignment.v1.events_pb2 import (
    LeadAssigned,
    LeadContacted,
    LeadMerged,
    LeadWithdrawn,
)
from leadchain.intake.v1.facts_events_pb2 import (
    AccountReported,
    CompanyRiskReported,
    ContractReported,
    InteractionReported,
    PaymentReported,
    TicketReported,
)
from leadchain.intake.v1.privacy_events_pb2 import SubjectsSuppressed
from leadchain.permissions.v1.events_pb2 import (
    CustomerReleased,
    OwnershipDemoted,
    OwnershipGranted,
)

from identity.commands import facts as commands
from identity.store import facts as store
from identity.wire import facts as wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork

    from identity.wire.facts import FactReader


def subscribe(bus: Bus, reader: FactReader) -> None:
    """Registers everything that the picture of a customer is made from."""
    _subscribe_to_facts(bus, reader)
    _subscribe_to_what_others_keep(bus, reader)
    _subscribe_to_suppressions(bus)
    _subscribe_to_assignment(bus)
    _subscribe_to_ownership(bus)


def _subscribe_to_facts(bus: Bus, reader: FactReader) -> None:
    @bus.on_batch(PaymentReported)
    async def keep_payments(events: Sequence[PaymentReported], uow: UnitOfWork) -> None:
        """What a customer paid in twelve months is part of who they are (ID-07)."""
        await commands.identify_facts(uow, [(event, reader.payment(event)) for event in events])

    @bus.on_batch(ContractReported)
    async def keep_contracts(events: Sequence[ContractReported], uow: UnitOfWork) -> None:
        """Whoever has just signed is not to be sold to (ID-17)."""
        await commands.identify_facts(uow, [(event, reader.contract(event)) for event in events])

    @bus.on_batch(TicketReported)
    async def keep_tickets(events: Sequence[TicketReported], uow: UnitOfWork) -> None:
        """Whoever complains is first helped."""
        await commands.identify_facts(uow, [(event, reader.ticket(event)) for event in events])

    @bus.on_batch(InteractionReported)
    async def keep_interactions(events: Sequence[InteractionReported], uow: UnitOfWork) -> None:
        """Contacts of every system count together (ID-17)."""
        await commands.identify_facts(uow, [(event, reader.interaction(event)) for event in events])


def _subscribe_to_what_others_keep(bus: Bus, reader: FactReader) -> None:
    @bus.on_batch(AccountReported)
    async def name_accounts(events: Sequence[AccountReported], uow: UnitOfWork) -> None:
        """Engagement looks after how accounts stand; whose they are is known here."""
        await commands.pass_on(uow, [(event, reader.named(event)) for event in events])

    @bus.on_batch(CompanyRiskReported)
    async def name_risks(events: Sequence[CompanyRiskReported], uow: UnitOfWork) -> None:
        """Whoever sells to a company at risk must know."""
        await commands.pass_on(uow, [(event, reader.named(event)) for event in events])


def _subscribe_to_suppressions(bus: Bus) -> None:
    @bus.on(SubjectsSuppressed)
    async def keep_suppressions(event: SubjectsSuppressed, uow: UnitOfWork) -> None:
        """Whoever is left alone by one system is left alone by all (ID-17)."""
        change = commands.unsuppress if event.is_lifted else commands.suppress
        await change(uow, list(event.subject_indexes), wire.suppressed(event))


def _subscribe_to_assignment(bus: Bus) -> None:
    @bus.on_batch(LeadAssigned, is_convergent=True)
    async def keep_assignments(events: Sequence[LeadAssigned], uow: UnitOfWork) -> None:
        """A customer's leads say who works on them."""
        await store.assign(uow.raw, [wire.assigned(event) for event in events])

    @bus.on_batch(LeadContacted, is_convergent=True)
    async def keep_contacts(events: Sequence[LeadContacted], uow: UnitOfWork) -> None:
        """Our own people's contacts count, too."""
        await store.contact(uow.raw, [wire.contacted(event) for event in events])

    @bus.on_batch(LeadMerged, is_convergent=True)
    async def keep_joined_leads(events: Sequence[LeadMerged], uow: UnitOfWork) -> None:
        """A lead that joined another is no opportunity of its own."""
        await store.end(uow.raw, [wire.merged(event) for event in events])

    @bus.on_batch(LeadWithdrawn, is_convergent=True)
    async def keep_withdrawals(events: Sequence[LeadWithdrawn], uow: UnitOfWork) -> None:
        """A lead of an undone import is none."""
        await store.end(uow.raw, [wire.withdrawn(event) for event in events])


def _subscribe_to_ownership(bus: Bus) -> None:
    @bus.on_batch(OwnershipGranted, is_convergent=True)
    async def keep_owners(events: Sequence[OwnershipGranted], uow: UnitOfWork) -> None:
        """Whose the lead is by right, which assignment alone does not decide."""
        await store.own(uow.raw, [wire.granted(event) for event in events])

    @bus.on_batch(OwnershipDemoted, is_convergent=True)
    async def keep_demotions(events: Sequence[OwnershipDemoted], uow: UnitOfWork) -> None:
        """An owner who lets a lead lie is about to lose it."""
        stated = [wire.demoted(event) for event in events]
        await store.own(uow.raw, [owned for owned in stated if owned is not None])

    @bus.on_batch(CustomerReleased, is_convergent=True)
    async def keep_releases(events: Sequence[CustomerReleased], uow: UnitOfWork) -> None:
        """What fell to the pool is nobody's."""
        stated = [wire.released(event) for event in events]
        await store.own(uow.raw, [owned for owned in stated if owned is not None])
