"""What is kept about leads that says, or helps to say, whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

_FORGET = """
update leads set phone_display = '', product = '', attributes = '{}'
where lead_id = any($1::uuid[]) and (phone_display <> '' or product <> '' or attributes <> '{}')
"""
_KEPT = """
select lead_id, channel, received_at, assignee_id, assignment_no, contact_due_at, contacted_at, province, city,
       industry, source_kind, first_action, phone_display, product, budget, attributes
from leads where lead_id = any($1::uuid[]) order by lead_id
"""


async def forget_phones(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> int:
    """Forgets what of the leads' phones is shown to people; returns how many there were."""
    status: str = await raw.execute(_FORGET, lead_ids)
    return int(status.rpartition(" ")[2])


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """What is on record about these leads."""
    return list(await raw.fetch(_KEPT, lead_ids))
