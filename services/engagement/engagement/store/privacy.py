"""What is kept about leads that says, or helps to say, whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

_KEPT = """
select lead_id, channel, received_at, opened_at, owner_id, contacted_at
from opportunities where lead_id = any($1::uuid[]) order by lead_id
"""


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """What is on record about these leads."""
    return list(await raw.fetch(_KEPT, lead_ids))
