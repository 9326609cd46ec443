"""What identity can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity import store
from identity.domain import CustomerNotFound, LeadNotIdentified

if TYPE_CHECKING:
    from servicekit.database import Database

    from identity.domain import Customer, LeadId, MatchBasis


async def get_identity(database: Database, lead_id: LeadId) -> tuple[Customer, MatchBasis]:
    """The customer of a lead and on what they were recognised; raises `LeadNotIdentified`."""
    async with database.raw() as raw:
        found = await store.identity_of(raw, lead_id)
    if found is None:
        raise LeadNotIdentified(lead_id)
    return found


async def get_customer(database: Database, customer_id: str) -> tuple[Customer, list[LeadId]]:
    """A customer, by Golden ID or master id, and their leads, oldest first, at most 1,000.

    Raises `CustomerNotFound`.
    """
    async with database.raw() as raw:
        customer = await store.customer_of(raw, customer_id)
        if customer is None:
            raise CustomerNotFound("no such customer")
        return customer, await store.leads_of(raw, customer.golden_id)
