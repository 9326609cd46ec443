"""Keys that say nothing: who declared them so, and how many records hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

BY_STEWARD = "steward"
COUNTED_MAX = 10_000

_COLUMNS = f"""
g.key, g.rule, g.reason, g.made_at,
(select count(*) from (select from record_keys k where k.key = g.key limit {COUNTED_MAX}) held)
"""
_PAGE = f"""
select {_COLUMNS} from generic_keys g where (g.made_at, g.key) < ($1, $2)
order by g.made_at desc, g.key desc limit $3
"""
_ONE = f"select {_COLUMNS} from generic_keys g where g.key = $1"
_DECLARE = f"update generic_keys set reason = '{BY_STEWARD}' where key = $1"
_HOLDERS = "select record_id from record_keys where key = $1 order by record_id limit $2"


@dataclass(frozen=True, slots=True)
class GenericKey:
    """A key that says nothing, and why; `record_count` stops at 10,000."""

    key: int
    rule: str
    reason: str
    made_at: datetime
    record_count: int


async def page(
    raw: asyncpg.Connection, *, before: tuple[datetime, int], limit: int
) -> list[GenericKey]:
    """Keys declared before a place, newest first."""
    return [GenericKey(*row) for row in await raw.fetch(_PAGE, *before, limit)]


async def generic_key(raw: asyncpg.Connection, key: int) -> GenericKey | None:
    """A key that says nothing; None when it says something, or nobody has it."""
    row = await raw.fetchrow(_ONE, key)
    return None if row is None else GenericKey(*row)


async def holders(raw: asyncpg.Connection, key: int, *, limit: int) -> list[int]:
    """Records that hold a key, oldest first."""
    return [record_id for (record_id,) in await raw.fetch(_HOLDERS, key, limit)]


async def declare(raw: asyncpg.Connection, key: int) -> None:
    """Says that a key is generic by a steward's word."""
    await raw.execute(_DECLARE, key)
