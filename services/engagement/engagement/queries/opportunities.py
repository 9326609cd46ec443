"""Questions about opportunities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.opportunities import UnknownOpportunity
from engagement.domain.tasks import led_by
from engagement.store import opportunities as store

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database

    from engagement.domain.opportunities import Opportunity
    from engagement.domain.tasks import ManagerOf


async def get_opportunity(database: Database, lead_id: UUID) -> Opportunity:
    """One opportunity; raises `UnknownOpportunity`."""
    async with database.raw() as raw:
        opportunity = await store.get(raw, lead_id)
    if opportunity is None:
        raise UnknownOpportunity(lead_id)
    return opportunity


class OpportunityBoard:
    """Opportunities as people see them, the downgraded ones among them (AS-18).

    `offer` is the response of a follow-up that makes an offer; `manager_of` says who leads somebody now.
    """

    def __init__(self, database: Database, offer: str, manager_of: ManagerOf) -> None:
        self._database = database
        self._offer = offer
        self._manager_of = manager_of

    async def show(self, lead_id: UUID) -> Opportunity:
        """One opportunity; raises `UnknownOpportunity`."""
        async with self._database.raw() as raw:
            opportunity = await store.show(raw, lead_id, offer=self._offer)
        if opportunity is None:
            raise UnknownOpportunity(lead_id)
        return opportunity

    async def mine(self, person_id: str) -> list[Opportunity]:
        """Somebody's open opportunities, newest first and downgraded ones last."""
        async with self._database.raw() as raw:
            return await store.list_open(raw, [person_id], offer=self._offer)

    async def team(self, person_id: str) -> list[Opportunity]:
        """Those of the people whom somebody leads, in the same order."""
        async with self._database.raw() as raw:
            led = led_by(person_id, await store.owners(raw), self._manager_of)
            return await store.list_open(raw, led, offer=self._offer)
