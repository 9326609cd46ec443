"""Identifies received leads: each is published with its customer, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from identity.domain.statements import lead_gone
from identity.store import leads as store
from identity.wire import leads as wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import UnitOfWork

    from identity.commands.resolving import Resolver
    from identity.domain.customers import LeadId
    from identity.wire.leads import Arrival


async def identify_leads(uow: UnitOfWork, resolver: Resolver, arrivals: Sequence[Arrival]) -> None:
    """Decides whose each lead is and publishes it, with the same few statements for any number of leads.

    A lead that was published already is not published again. Leads are taken in the order of their ids, which is that
    of their arrival.
    """
    arrivals = sorted(arrivals, key=lambda arrival: arrival.lead_id)
    resolved = await resolver.resolve(uow, [arrival.statement for arrival in arrivals])
    unpublished = await store.save(
        uow.raw,
        [
            (
                arrival.lead_id,
                each.golden_id,
                arrival.event.facts.channel,
                arrival.ledger_at,
                each.basis,
            )
            for arrival, each in zip(arrivals, resolved, strict=True)
        ],
    )
    occurred_at = Timestamp()
    occurred_at.FromDatetime(uow.now)
    for arrival, each in zip(arrivals, resolved, strict=True):
        if arrival.lead_id in unpublished:
            unpublished.remove(arrival.lead_id)
            event = wire.lead_identified(arrival, each, occurred_at=occurred_at)
            uow.publish(event, key=event.lead_id, cause=arrival.event)


async def withdraw_leads(uow: UnitOfWork, resolver: Resolver, lead_ids: Sequence[LeadId]) -> None:
    """Takes leads back that nobody ever asked for: they are evidence of nothing any more, and stay on record."""
    known = await store.sources_of(uow.raw, lead_ids)
    gone = [
        lead_gone(lead_id, modified_at=modified_at, now=uow.now) for lead_id, modified_at in known
    ]
    await resolver.resolve(uow, gone)
