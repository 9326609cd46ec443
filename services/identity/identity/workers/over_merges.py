"""Looks for customers that may have been merged too far, and asks a steward about each once.

Two signs: a pair just above acceptance that alone holds two large parts together, and a customer as large as it may be
whom evidence would make larger. Goes round for ever, in small steps, beside the resolver and not in its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.evidence import must_edges, weak_bridges
from identity.store import customers, judgements, members, reviews
from identity.store.reviews import ReviewKind
from identity.wire.regroupings import over_merge_suspected

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from matchkit.model import Model
    from servicekit.database import Database, UnitOfWork

    from identity.domain.judgements import Pair

IDLE_S = 60.0
PAIRS_AT_ONCE = 200
_START = (0, 0)


class OverMergeWatch:
    """Looks at some pairs a step."""

    def __init__(self, database: Database, model: Model) -> None:
        self._database = database
        self._size_max = model.customer_size_max
        self._after = _START

    async def step(self) -> bool:
        """Looks at the next pairs; says whether there are more in this round."""
        async with self._database.unit_of_work() as uow:
            found = await reviews.barely_held(uow.raw, after=self._after, limit=PAIRS_AT_ONCE)
            await self._suspect_bridges(uow, {customer for _, customer in found})
            if self._after == _START:
                await self._suspect_large(uow)
        is_full = len(found) == PAIRS_AT_ONCE
        self._after = found[-1][0] if is_full else _START
        return is_full

    async def _suspect_bridges(self, uow: UnitOfWork, suspects: Collection[int]) -> None:
        if not suspects:
            return
        records = await members.of_customers(uow.raw, suspects)
        everyone = {record for part in records.values() for record in part}
        links = await members.accepted_among(uow.raw, everyone)
        links += must_edges(await judgements.standing(uow.raw, everyone), everyone)
        for customer, part in sorted(records.items()):
            inside = [edge for edge in links if edge.a in part and edge.b in part]
            bridges = weak_bridges(part, inside)
            pairs = {(each.edge.a, each.edge.b): each.smaller_count for each in bridges}
            await self._suspect(uow, ReviewKind.WEAK_BRIDGE, pairs, customer)

    async def _suspect_large(self, uow: UnitOfWork) -> None:
        found = await reviews.too_large(uow.raw, size_max=self._size_max, limit=PAIRS_AT_ONCE)
        for pair, customer, record_count in found:
            await self._suspect(uow, ReviewKind.TOO_LARGE, {pair: record_count}, customer)

    async def _suspect(
        self, uow: UnitOfWork, kind: ReviewKind, pairs: Mapping[Pair, int], customer: int
    ) -> None:
        new = await reviews.suspect(uow.raw, kind, pairs, uow.now)
        if not new:
            return
        named = await customers.customers(uow.raw, [customer])
        reason = "weak_bridge" if kind is ReviewKind.WEAK_BRIDGE else "size_cap"
        event = over_merge_suspected(named[customer], reason, named[customer].record_count)
        uow.publish(event, key=event.golden_id)
