"""What was changed of the configuration, by whom and with whose approval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.errors import Invalid

from lead_intake.store import configuration_changes as store

if TYPE_CHECKING:
    from servicekit.database import Database

    from lead_intake.store.configuration_changes import ConfigurationChange

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes, newest first, and where to go on; the token is empty at the end."""

    changes: list[ConfigurationChange]
    next_page_token: str


async def list_changes(
    database: Database, *, kind: str, resource_id: str, page_size: int, page_token: str
) -> ChangePage:
    """A page of changes; raises `Invalid` for a token that no page gave."""
    try:
        before = UUID(page_token) if page_token else store.NEWEST
    except ValueError:
        raise Invalid("the page token is not one of ours") from None
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    async with database.raw() as raw:
        found = await store.page(
            raw, kind=kind, resource_id=resource_id, before=before, limit=limit
        )
    return ChangePage(found, str(found[-1].change_id) if len(found) == limit else "")
