"""How far sources have been given Golden IDs by the key and the recipes in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

_BEGIN = """
insert into alias_rotations (rotation, after_source_id) values ($1, 0) on conflict (rotation) do nothing
"""
_CLAIM = """
select after_source_id from alias_rotations where rotation = $1 and finished_at is null for update skip locked
"""
_NEXT = """
select s.source_id, s.system, s.key_digest, s.sealed_key, s.first_seen_at, st.sealed_fields
from sources s join statements st on st.source_id = s.source_id and st.is_current
where s.source_id > $1 order by s.source_id limit $2
"""
_ADVANCE = "update alias_rotations set after_source_id = $2, finished_at = $3 where rotation = $1"


class Stated(NamedTuple):
    """A source and what it says now."""

    source_id: int
    system: str
    key_digest: bytes
    sealed_key: bytes
    first_seen_at: datetime
    sealed_fields: bytes


async def claim(raw: asyncpg.Connection, rotation: str) -> int | None:
    """Up to which source a rotation has come, locked; None when it is finished or another replica is at it."""
    await raw.execute(_BEGIN, rotation)
    after: int | None = await raw.fetchval(_CLAIM, rotation)
    return after


async def stated_after(raw: asyncpg.Connection, source_id: int, limit: int) -> list[Stated]:
    """The next sources that say something."""
    return [Stated(*row) for row in await raw.fetch(_NEXT, source_id, limit)]


async def advance(
    raw: asyncpg.Connection, rotation: str, after: int, finished_at: datetime | None
) -> None:
    """Keeps how far a rotation has come."""
    await raw.execute(_ADVANCE, rotation, after, finished_at)
