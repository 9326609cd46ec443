"""Questions about days of visits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from servicekit.errors import TooMany

from engagement.domain.visits import (
    Candidate,
    Known,
    Unplanned,
    candidate_of,
    check_asked,
    check_may_plan,
    crow_ways,
    planned,
)
from engagement.store import visits as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo
    from uuid import UUID

    from servicekit.database import Database

    from engagement.clients.traffic import RoadTraffic
    from engagement.domain.places import Place
    from engagement.domain.tasks import ManagerOf
    from engagement.domain.visits import Asked, Plan, VisitPolicy, Ways
    from engagement.seals import Seals

PLANS_AT_ONCE = 8
"""Plans that one process makes at a time; each asks a traffic source and weighs orders in a thread."""


@dataclass(frozen=True, slots=True)
class PlanningRules:
    """What planning goes by; `manager_of` says who leads somebody now, hours are those of `zone`."""

    policy: VisitPolicy
    manager_of: ManagerOf
    zone: tzinfo


class VisitPlanner:
    """Plans days under one policy, by a traffic source or, without one, as the crow flies."""

    def __init__(
        self, database: Database, seals: Seals, rules: PlanningRules, traffic: RoadTraffic | None
    ) -> None:
        self.rules = rules
        self._database = database
        self._seals = seals
        self._traffic = traffic
        self._under_way = 0

    async def plan(self, asked: Asked, *, caller_id: str) -> Plan:
        """The plan of a day; raises `UnusableRequest`, `NotTheirDay`, or `TooMany` while others are planned."""
        check_may_plan(caller_id, asked.rep_id, self.rules.manager_of)
        check_asked(asked)
        if self._under_way >= PLANS_AT_ONCE:
            raise TooMany("too many days are being planned")
        self._under_way += 1
        try:
            return await self._planned(asked)
        finally:
            self._under_way -= 1

    async def _planned(self, asked: Asked) -> Plan:
        policy, zone = self.rules.policy, self.rules.zone
        known = await self._known(asked)
        judged = [
            candidate_of(
                asked, wanted, known.get(wanted.lead_id, Known(is_theirs=False)), policy, zone
            )
            for wanted in sorted(asked.visits, key=lambda wanted: wanted.lead_id)
        ]
        candidates = [each for each in judged if isinstance(each, Candidate)]
        hopeless = tuple(each for each in judged if isinstance(each, Unplanned))
        ways = await self._ways([asked.start, *(each.where for each in candidates)])
        # Weighing orders takes a processor for a while; whoever else asks is answered meanwhile.
        plan = await asyncio.to_thread(planned, asked, candidates, ways, policy, zone)
        return replace(plan, unplanned=(*hopeless, *plan.unplanned))

    async def _known(self, asked: Asked) -> dict[UUID, Known]:
        lead_ids = [each.lead_id for each in asked.visits]
        counted = self.rules.policy.visits_counted
        async with self._database.raw() as raw:
            return await store.known(raw, lead_ids, asked.rep_id, self._seals, limit=counted)

    async def _ways(self, places: Sequence[Place]) -> Ways:
        if self._traffic is None or len(places) < 2:
            return crow_ways(places, self.rules.policy)
        return await self._traffic.ways(places, self.rules.policy)
