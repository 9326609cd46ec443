"""Records: where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg

_FAMILIES_OF = "select record_id, family_id from records where record_id = any($1::bigint[])"


async def families_of(raw: asyncpg.Connection, record_ids: Collection[int]) -> dict[int, int]:
    """The families of those of these records that are still there."""
    rows = await raw.fetch(_FAMILIES_OF, list(record_ids))
    return dict(rows)
