"""Requests about people: what assignment forgets of their leads, and what it keeps about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit.erasures import Erased

from assignment.store import privacy as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

HOLDS = ("decisions about the leads, without personal data, for their explanation",)


async def erase_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
    """Forgets what of these leads' phones is shown to people."""
    return Erased(await store.forget_phones(uow.raw, lead_ids), HOLDS)


async def kept_about(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """What is kept about these leads: place, industry, owner and clock."""
    return [dict(row) for row in await store.kept_about(uow.raw, lead_ids)]
