"""Questions about what customers said and did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.behaviours import NoTranscript
from engagement.queries.opportunities import get_opportunity
from engagement.store import behaviours as store

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from servicekit.database import Database

    from engagement.domain.behaviours import Behaviour, Transcript
    from engagement.seals import Seals


async def list_behaviours(
    database: Database, lead_id: UUID
) -> tuple[list[Behaviour], dict[str, datetime]]:
    """The behaviours of a lead's customer, newest first, and the banners that are up; raises `UnknownOpportunity`."""
    opportunity = await get_opportunity(database, lead_id)
    async with database.raw() as raw:
        behaviours = await store.newest(raw, opportunity.golden_id)
        return behaviours, await store.banners(raw, opportunity.golden_id)


async def get_transcript(
    database: Database, lead_id: UUID, contact_id: UUID, seals: Seals
) -> Transcript:
    """What was said in a contact with a lead's customer; raises `UnknownOpportunity` or `NoTranscript`."""
    opportunity = await get_opportunity(database, lead_id)
    async with database.raw() as raw:
        found = (await store.get(raw, [contact_id], seals)).get(contact_id)
    if found is None or found.golden_id != opportunity.golden_id:
        raise NoTranscript(contact_id)
    return found
