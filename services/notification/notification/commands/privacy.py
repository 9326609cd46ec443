"""Requests about people: what notification forgets of their leads, and what it keeps about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit.erasures import Erased

from notification.store import privacy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

HOLDS = ("reminders that recipients' systems took are theirs",)


async def erase_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
    """Takes what is shown of a phone out of the reminders about these leads."""
    return Erased(await privacy.forget_phones(uow.raw, lead_ids), HOLDS)


async def kept_about(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """What is kept about these leads: who was reminded, and when."""
    return [dict(row) for row in await privacy.kept_about(uow.raw, lead_ids)]
