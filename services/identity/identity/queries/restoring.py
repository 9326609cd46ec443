"""How records were grouped at an earlier time, read from the log of regroupings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from servicekit.errors import NotFound

from identity.store import members, regroupings
from identity.store.customers import customer_named

if TYPE_CHECKING:
    import asyncpg

RELEASED = 0
_INSTANT = timedelta(microseconds=1)


class ForeignRegrouping(NotFound):
    """No such regrouping, or not one of this customer's."""

    def __init__(self) -> None:
        super().__init__("no such regrouping of this customer")


async def earlier_parts(
    raw: asyncpg.Connection, customer_id: str, regrouping_id: int, *, is_before: bool
) -> list[frozenset[int]]:
    """The customers, as groups of records, that a customer's records were with at an earlier time.

    `is_before` means right before the regrouping, else right after it. Records that came later are in no group. Raises
    `CustomerNotFound`, `ForeignRegrouping`.
    """
    customer = await customer_named(raw, customer_id)
    ours = await members.of_customer(raw, customer.customer_id)
    change = await regroupings.regrouping(raw, regrouping_id)
    if change is None or not await regroupings.is_of(raw, regrouping_id, ours):
        raise ForeignRegrouping
    after_id = regrouping_id - 1 if is_before else regrouping_id
    at = change.made_at - _INSTANT if is_before else change.made_at
    moved = await regroupings.moved_in(raw, regrouping_id)
    theirs = await regroupings.places(raw, {*ours, *moved}, after_id=after_id, at=at)
    holders = set(theirs.values()) - {RELEASED}
    everyone = await regroupings.ever_of(raw, holders)
    then = await regroupings.places(raw, everyone, after_id=after_id, at=at)
    groups: dict[int, set[int]] = {}
    for record_id, holder in then.items():
        if holder in holders:
            groups.setdefault(holder, set()).add(record_id)
    return [frozenset(group) for _, group in sorted(groups.items())]
