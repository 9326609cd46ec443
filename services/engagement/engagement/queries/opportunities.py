"""Questions about opportunities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.opportunities import UnknownOpportunity
from engagement.store import opportunities as store

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database

    from engagement.domain.opportunities import Opportunity


async def get_opportunity(database: Database, lead_id: UUID) -> Opportunity:
    """One opportunity; raises `UnknownOpportunity`."""
    async with database.raw() as raw:
        opportunity = await store.get(raw, lead_id)
    if opportunity is None:
        raise UnknownOpportunity(lead_id)
    return opportunity
