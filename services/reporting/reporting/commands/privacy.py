"""What is forgotten and what is told of leads whose customers ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit.erasures import Erased

from reporting.store import leads as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork


async def erase_leads(_uow: UnitOfWork, _lead_ids: Sequence[UUID]) -> Erased:
    """Nothing of its own: what reports are made of names leads by id and no customer."""
    return Erased(0, ("facts and timeline of the leads, without personal data",))


async def kept_about(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """What is kept about these leads: what happened to them, and when."""
    return [dict(row) for row in await store.kept_about(uow.raw, lead_ids)]
