"""What identity does: recognise the customers of leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp
from servicekit.erasures import Erased

from identity import store, wire
from identity.domain import Customer, master_id, recognise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from identity.domain import GoldenId, LeadId, MasterId, Recognition
    from identity.wire import Arrival


async def identify_leads(uow: UnitOfWork, arrivals: Sequence[Arrival]) -> None:
    """Decides whose each lead is and publishes it, with the same few statements for any number of leads.

    A lead that is on record is left as it is and not published again. Leads are taken in order of their ids, which
    is that of their arrival, so that two transactions write the same rows in the same order.
    """
    arrivals = sorted(arrivals, key=lambda arrival: arrival.lead.lead_id)
    leads = [arrival.lead for arrival in arrivals]
    phones = {lead.phone_index for lead in leads if lead.phone_index}
    await store.lock_phones(uow.raw, phones)
    keys, master_ids = await store.keys_of_phones(uow.raw, phones)
    recognition = recognise(leads, keys)
    newcomers = await _registered(uow, recognition)
    unpublished = await store.save(uow.raw, recognition, newcomers)
    master_ids.update({customer.golden_id: customer.master_id for customer in newcomers})
    _publish(uow, arrivals, recognition, master_ids, unpublished)


async def erase_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
    """Forgets by which phone and USCC the customers of these leads are known; Golden IDs, which are keyed, stay."""
    key_count, shared_count = await store.forget_keys(uow.raw, lead_ids)
    holds = ["Golden and master ids, keyed, for the ledger"]
    if shared_count:
        holds.append(f"keys of {shared_count} customers who have other leads")
    return Erased(key_count, tuple(holds))


async def kept_about(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """What is kept about these leads: the customer's readable id and on what they were recognised."""
    return [wire.kept(row) for row in await store.kept_about(uow.raw, lead_ids)]


async def _registered(uow: UnitOfWork, recognition: Recognition) -> list[Customer]:
    """The newcomers with their master ids, dated in UTC."""
    newcomers = recognition.newcomers
    numbers = await store.draw_master_numbers(uow.raw, len(newcomers))
    return [
        Customer(newcomer.golden_id, master_id(uow.now.date(), number), newcomer.first_seen_at)
        for newcomer, number in zip(newcomers, numbers, strict=True)
    ]


def _publish(
    uow: UnitOfWork,
    arrivals: Sequence[Arrival],
    recognition: Recognition,
    master_ids: dict[GoldenId, MasterId],
    unpublished: set[LeadId],
) -> None:
    occurred_at = Timestamp()
    occurred_at.FromDatetime(uow.now)
    for arrival, identity in zip(arrivals, recognition.identities, strict=True):
        if arrival.lead.lead_id in unpublished:
            unpublished.remove(arrival.lead.lead_id)
            named = master_ids[identity.golden_id]
            event = wire.lead_identified(arrival, identity, named, occurred_at=occurred_at)
            uow.publish(event, key=event.lead_id, cause=arrival.event)
