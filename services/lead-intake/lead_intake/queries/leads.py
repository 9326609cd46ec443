"""What can be asked of lead-intake; nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.errors import Invalid, NotFound

from lead_intake.domain.leads import ItemState, LeadId
from lead_intake.store import accounts, deliveries, items
from lead_intake.store.items import KeptLead

if TYPE_CHECKING:
    from servicekit.database import Database

    from lead_intake.store.accounts import AccountTraffic


def parsed_lead_id(text: str) -> LeadId:
    """A lead's id; raises `Invalid`."""
    try:
        return LeadId(UUID(text))
    except ValueError:
        raise Invalid("a lead id is a UUID") from None


async def list_accounts(database: Database) -> list[AccountTraffic]:
    """The accounts and their traffic."""
    async with database.raw() as raw:
        return await accounts.list_traffic(raw)


async def get_lead(database: Database, lead_id: LeadId) -> KeptLead:
    """One lead, also while its delivery waits for the mapper; raises `NotFound`."""
    async with database.raw() as raw:
        lead = await items.get(raw, lead_id)
        if lead is not None:
            return lead
        origin = await deliveries.origin_of(raw, lead_id)
    if origin is None:
        raise NotFound("no such lead")
    return KeptLead(lead_id, ItemState.AWAITING_BODY, None, None, origin[1])
