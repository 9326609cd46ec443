"""One customer from every side, for whoever may see them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from identity.domain.customers import CustomerNotFound, MalformedCustomerId
from identity.queries.walls import READ, READ_IDENTITY
from identity.store import customer360 as store

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from servicekit.database import Database

    from identity.domain.golden import GoldenRecord
    from identity.queries.walls import Walls
    from identity.store.golden_values import GoldenSeals

LIST_SIZE = 20
LIST_SIZE_MAX = 100
MONTHS = 12
_CUSTOMER_ID = re.compile(r"[0-9a-f]{64}|CID-\d{8}-\d{6,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """A customer as a request names them: by Golden ID or master id, or by a lead."""

    customer_id: str
    lead_id: UUID | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is told: the row, the golden record if there is one, whose values are in clear or not.

    `known` are the related customers (by number) whom the caller may know.
    """

    row: store.Row
    record: GoldenRecord | None
    is_clear: bool
    known: frozenset[int]
    assembled_at: datetime


class Customer360:
    """Assembles snapshots with one statement; `clock` gives the time."""

    def __init__(
        self,
        database: Database,
        seals: GoldenSeals,
        walls: Walls,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._seals = seals
        self._walls = walls
        self._clock = clock

    async def snapshot(self, named: Named, *, list_size: int, is_clear: bool) -> Snapshot:
        """The customer; raises `CustomerNotFound`, and `Refusal` for whoever may not see them, or not in clear."""
        now = self._clock()
        async with self._database.raw() as raw:
            row = await store.about(
                raw,
                customer_id=named.customer_id,
                lead_id=named.lead_id,
                list_size=min(list_size or LIST_SIZE, LIST_SIZE_MAX),
                paid_since=twelve_months_before(now),
            )
        if row is None:
            raise CustomerNotFound
        await self._walls.require(READ, row.golden_id, row.lead_ids)
        if is_clear and not self._walls.may_see_identity(row.golden_id, row.lead_ids):
            await self._walls.confirm(READ_IDENTITY, row.golden_id)
        return Snapshot(row, self._record(row), is_clear, self._known(row), now)

    def _record(self, row: store.Row) -> GoldenRecord | None:
        if row.sealed_record is None:
            return None
        return self._seals.open_record(row.customer_id, row.sealed_record)

    def _known(self, row: store.Row) -> frozenset[int]:
        return frozenset(
            other["customer_id"]
            for other in row.parts["related"]
            if self._walls.may(READ, other["golden_id"], map(UUID, other["lead_ids"]))
        )


def named(text: str) -> Named:
    """Whom a text names; raises `MalformedCustomerId`."""
    if _CUSTOMER_ID.fullmatch(text) is not None:
        return Named(text, None)
    try:
        return Named("", UUID(text))
    except ValueError:
        raise MalformedCustomerId from None


def twelve_months_before(now: datetime) -> datetime:
    """The beginning of the first of the twelve calendar months that end with the present one, in UTC."""
    months = now.year * 12 + now.month - 1 - (MONTHS - 1)
    return now.replace(
        year=months // 12,
        month=months % 12 + 1,
        day=1,
        hour=0,
        minute=0,
        second=0,
        microsecond=0,
    )
