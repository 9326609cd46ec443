"""Questions about what other systems tell of customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.queries.opportunities import get_opportunity
from engagement.store import watches as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import Database

    from engagement.domain.watches import ServiceRecord


async def list_service_records(
    database: Database, lead_id: UUID, limit: int
) -> Sequence[ServiceRecord]:
    """The newest tickets of a lead's customer (FU-31); raises `UnknownOpportunity`."""
    opportunity = await get_opportunity(database, lead_id)
    async with database.raw() as raw:
        return await store.newest_records(raw, opportunity.golden_id, limit)
