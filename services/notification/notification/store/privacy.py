"""What is kept about leads, and forgetting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

_FORGET = """
update reminders r
set card = convert_to((convert_from(card, 'UTF8')::jsonb || '{"phone_display": ""}')::text, 'UTF8')
where r.lead_id = any($1::uuid[]) and convert_from(card, 'UTF8')::jsonb ->> 'phone_display' <> ''
"""
_KEPT = """
select lead_id, reminder_id, recipient_id, kind_name as kind, state, attempt_count, created_at, last_attempt_at,
       reached_at, interacted_at
from reminders where lead_id = any($1::uuid[]) order by reminder_id
"""


async def forget_phones(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> int:
    """Takes what is shown of a phone out of the cards of these leads; returns how many cards had one."""
    status: str = await raw.execute(_FORGET, lead_ids)
    return int(status.rpartition(" ")[2])


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """The reminders about these leads, without their cards."""
    return list(await raw.fetch(_KEPT, lead_ids))
