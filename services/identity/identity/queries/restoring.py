"""How records were grouped at an earlier time, read from the log of regroupings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.errors import NotFound

from identity.domain.customers import CustomerNotFound
from identity.store import regroupings

if TYPE_CHECKING:
    import asyncpg

    from identity.store.regroupings import Earlier


class ForeignRegrouping(NotFound):
    """No such regrouping, or not one of this customer's."""

    def __init__(self) -> None:
        super().__init__("no such regrouping of this customer")


async def earlier_parts(
    raw: asyncpg.Connection, customer_id: str, regrouping_id: int, *, is_before: bool
) -> Earlier:
    """The customers, as groups of records, that a customer's records were with at an earlier time.

    `is_before` means right before the regrouping, else right after it. Records that came later are in no group; the
    families of all others are locked. Raises `CustomerNotFound`, `ForeignRegrouping`.
    """
    found = await regroupings.earlier(raw, customer_id, regrouping_id, is_before=is_before)
    if not found.is_known:
        raise CustomerNotFound
    if not found.is_theirs:
        raise ForeignRegrouping
    return found
