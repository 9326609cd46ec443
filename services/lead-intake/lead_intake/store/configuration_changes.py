"""Changes of configuration: written once, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

_NAMES = "change_id, kind, resource_id, actor_id, approval_id, old_json, new_json, changed_at"
_ADD = f"insert into configuration_changes ({_NAMES}) values ($1, $2, $3, $4, $5, $6, $7, $8)"
_WAS_USED = """
select exists (select from configuration_changes where approval_id = $1 and kind = $2 and resource_id = $3)
"""
_PAGE = f"""
select {_NAMES} from configuration_changes
where ($1 = '' or kind = $1) and ($2 = '' or resource_id = $2) and change_id < $3
order by change_id desc limit $4
"""
NEWEST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class ConfigurationChange:
    """One change, without secrets; `old_json` is empty for something new, `new_json` for something closed."""

    change_id: UUID
    kind: str
    resource_id: str
    actor_id: str
    approval_id: str
    old_json: str
    new_json: str
    changed_at: datetime


async def add(raw: asyncpg.Connection, change: ConfigurationChange) -> None:
    """Writes a change down."""
    await raw.execute(
        _ADD,
        change.change_id,
        change.kind,
        change.resource_id,
        change.actor_id,
        change.approval_id,
        change.old_json,
        change.new_json,
        change.changed_at,
    )


async def was_used(
    raw: asyncpg.Connection, approval_id: str, *, kind: str, resource_id: str
) -> bool:
    """Whether an approval has brought about its change already."""
    return bool(approval_id and await raw.fetchval(_WAS_USED, approval_id, kind, resource_id))


async def page(
    raw: asyncpg.Connection, *, kind: str, resource_id: str, before: UUID, limit: int
) -> list[ConfigurationChange]:
    """Changes made before one, newest first; `kind` and `resource_id` may be empty."""
    rows = await raw.fetch(_PAGE, kind, resource_id, before, limit)
    return [ConfigurationChange(*row) for row in rows]
