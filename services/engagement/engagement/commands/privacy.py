"""Requests about people: what engagement forgets of their leads, and what it keeps about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit.erasures import Erased

from engagement.store import privacy as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

HOLDS = ("opportunities and what was done about them, without personal data, for the books",)


async def erase_leads(_uow: UnitOfWork, _lead_ids: Sequence[UUID]) -> Erased:
    """Forgets nothing: an opportunity says by itself of nobody whose it is."""
    return Erased(0, HOLDS)


async def kept_about(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """What is kept about these leads: owners and times."""
    return [dict(row) for row in await store.kept_about(uow.raw, lead_ids)]
