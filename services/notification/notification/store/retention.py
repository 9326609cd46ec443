"""Reminders that are old enough to be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification.domain.reminders import State
from notification.domain.sending import SendState

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

_OVER = f"""
r.state in ({State.DELIVERED:d}, {State.FAILED:d}, {State.SUPERSEDED:d})
  and not exists (select from sends s where s.reminder_id = r.reminder_id and s.state = {SendState.QUEUED:d})
"""
# Messages and receipts go with their reminder.
_DELETE = f"""
delete from reminders where reminder_id in (
  select r.reminder_id from reminders r where r.reminder_id < $1 and {_OVER}
  order by r.reminder_id limit $2 for update skip locked
)
"""
_EMPTY = f"""
with old as (
  select reminder_id from reminders where reminder_id > $1 and reminder_id < $2 order by reminder_id limit $3
), emptied as (
  update reminders r set card = '{{}}' from old
  where r.reminder_id = old.reminder_id and r.card <> '{{}}' and {_OVER}
)
select reminder_id from old
"""


async def delete(raw: asyncpg.Connection, *, before: UUID, limit: int) -> int:
    """Deletes at most `limit` reminders that are over, of ids below one; returns how many."""
    status: str = await raw.execute(_DELETE, before, limit)
    return int(status.rpartition(" ")[2])


async def empty_cards(
    raw: asyncpg.Connection, *, after: UUID, before: UUID, limit: int
) -> list[UUID]:
    """Empties the cards of reminders that are over, of ids between two; returns the ids looked at, at most `limit`."""
    return [row[0] for row in await raw.fetch(_EMPTY, after, before, limit)]
