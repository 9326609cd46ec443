"""A sender that names an item again, better: what could not be understood the first time is understood now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lead_intake.domain.leads import Item, Stated, Understood
from lead_intake.store import items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import UnitOfWork


async def parted(uow: UnitOfWork, new: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """New items, and those that make up for a quarantined one with the same sender's id.

    The latter have its lead id and its time of receipt, so that the ledger sees one lead; `items.rescue` writes them.
    """
    understood = [item for item in new if _is_understood(item)]
    if not understood:
        return list(new), []
    waiting = await items.quarantined_places(
        uow.raw, [(item.origin.account_id, item.finding.external_id or "") for item in understood]
    )
    if not waiting:
        return list(new), []
    fresh: list[Item] = []
    rescued: list[Item] = []
    for item in new:
        place = None
        if _is_understood(item):
            place = waiting.pop((item.origin.account_id, item.finding.external_id or ""), None)
        if place is None:
            fresh.append(item)
        else:
            origin = replace(item.origin, received_at=place.received_at)
            rescued.append(replace(item, lead_id=place.lead_id, origin=origin))
    return fresh, rescued


def _is_understood(item: Item) -> bool:
    return bool(item.finding.external_id) and isinstance(item.finding, Understood | Stated)
