"""Parts of uploaded files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from lead_intake.domain.imports import ImportId

QUERY_TIMEOUT_S = 10.0

_PART = "select sealed from import_parts where import_id = $1 and number = $2"
_ADVANCE = """
update imports set part_count = part_count + $3 where import_id = $1 and part_count = $2 and state = 0
returning part_count
"""
_ADD = """
insert into import_parts (import_id, number, sealed)
select $1, number, sealed from unnest($2::integer[], $3::bytea[]) as p (number, sealed)
"""
_DROP = "delete from import_parts where import_id = $1"


async def part(raw: asyncpg.Connection, import_id: ImportId, number: int) -> bytes | None:
    """One sealed part; None when it is not there."""
    sealed: bytes | None = await raw.fetchval(_PART, import_id, number, timeout=QUERY_TIMEOUT_S)
    return sealed


async def add(
    raw: asyncpg.Connection, import_id: ImportId, *, first: int, sealed: Sequence[bytes]
) -> bool:
    """Adds the parts that follow the first `first`; False when others were added meanwhile."""
    if await raw.fetchval(_ADVANCE, import_id, first, len(sealed)) is None:
        return False
    await raw.execute(_ADD, import_id, list(range(first, first + len(sealed))), list(sealed))
    return True


async def drop(raw: asyncpg.Connection, import_id: ImportId) -> None:
    """Removes every part of a file."""
    await raw.execute(_DROP, import_id)
