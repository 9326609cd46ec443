"""What can be asked about customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.customers import CustomerNotFound, LeadNotIdentified
from identity.store import customers as store

if TYPE_CHECKING:
    from servicekit.database import Database

    from identity.domain.customers import Customer, LeadId, MatchBasis


async def get_identity(database: Database, lead_id: LeadId) -> tuple[Customer, MatchBasis]:
    """The present customer of a lead and on what it was recognised; raises `LeadNotIdentified`."""
    async with database.raw() as raw:
        found = await store.identity_of(raw, lead_id)
    if found is None:
        raise LeadNotIdentified(lead_id)
    return found


async def get_customer(database: Database, customer_id: str) -> tuple[Customer, list[LeadId]]:
    """A customer, by any Golden ID or master id that they ever had, and their leads, at most 1,000.

    Raises `CustomerNotFound`.
    """
    async with database.raw() as raw:
        customer = await store.customer_of(raw, customer_id)
        if customer is None:
            raise CustomerNotFound
        return customer, await store.leads_of(raw, customer.customer_id)
