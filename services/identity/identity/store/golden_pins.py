"""Values that stewards set. They belong to a Golden ID and go with it when customers merge or part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.golden import Pin

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    import asyncpg

    from identity.store.golden_values import GoldenSeals

_STANDING = """
select a.customer_id, p.pin_id, p.golden_id, p.field, p.sealed_text, p.actor, p.pinned_at
from aliases a join golden_pins p using (golden_id)
where a.customer_id = any($1::bigint[]) and p.released_at is null
"""
_RELEASE = """
update golden_pins p set released_at = $3, released_by = $4 from aliases a
where a.customer_id = $1 and p.golden_id = a.golden_id and p.field = $2 and p.released_at is null
"""
_PIN = """
insert into golden_pins (golden_id, field, sealed_text, actor, reason, restored_change_id, pinned_at)
values ($1, $2, $3, $4, $5, $6, $7) returning pin_id
"""
_REASONS = """
select p.field, p.reason from aliases a join golden_pins p using (golden_id)
where a.customer_id = $1 and p.released_at is null order by p.pinned_at, p.pin_id
"""
_FORGET = """
update golden_pins
set sealed_text = null, reason = '', released_at = coalesce(released_at, $2), released_by = coalesce(released_by, '')
where sealed_text is not null
  and golden_id in (select golden_id from aliases where customer_id = any($1::bigint[]))
"""


@dataclass(frozen=True, slots=True)
class NewPin:
    """A value to set; `restored_change_id` names the change whose old value it is."""

    field: str
    text: str
    actor: str
    reason: str
    restored_change_id: int | None = None


async def standing(
    raw: asyncpg.Connection, seals: GoldenSeals, customer_ids: Collection[int]
) -> dict[int, list[Pin]]:
    """The pins in force of these customers, by the customer's number."""
    found: dict[int, list[Pin]] = {}
    for row in await raw.fetch(_STANDING, list(customer_ids)):
        text = seals.open_pin(row["golden_id"], row["field"], row["sealed_text"])
        pin = Pin(row["pin_id"], row["field"], text, row["actor"], row["pinned_at"])
        found.setdefault(row["customer_id"], []).append(pin)
    return found


async def pin(
    raw: asyncpg.Connection, seals: GoldenSeals, golden_id: str, new: NewPin, *, at: datetime
) -> int:
    """Sets a value for whoever the Golden ID stands for; an earlier pin of the field must be released."""
    sealed = seals.seal_pin(golden_id, new.field, new.text)
    pin_id: int = await raw.fetchval(
        _PIN, golden_id, new.field, sealed, new.actor, new.reason, new.restored_change_id, at
    )
    return pin_id


async def release(
    raw: asyncpg.Connection, customer_id: int, field: str, *, at: datetime, actor: str
) -> bool:
    """Ends the customer's pins of a field; says whether there were any."""
    ended = await raw.execute(_RELEASE, customer_id, field, at, actor)
    return str(ended) != "UPDATE 0"


async def reasons(raw: asyncpg.Connection, customer_id: int) -> dict[str, str]:
    """Why the fields that are pinned are, by field."""
    return {row["field"]: row["reason"] for row in await raw.fetch(_REASONS, customer_id)}


async def forget(raw: asyncpg.Connection, customer_ids: Collection[int], *, at: datetime) -> None:
    """Takes away every text that stewards ever set for these customers; those in force end."""
    await raw.execute(_FORGET, list(customer_ids), at)
