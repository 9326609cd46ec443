"""Requests about people: what permissions forgets of their leads, and what it keeps about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit.erasures import Erased

from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.store import privacy as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

ENTRIES_NAMED_MAX = 1000
HOLDS = ("the audit log, which names leads by id and no customer",)


async def erase_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
    """Forgets the reasons that people gave for requests about these leads, and records that it was done."""
    log = await recording.begin(uow)
    seqs = await store.forget_reasons(uow.raw, lead_ids)
    if seqs:
        details = {"entry_count": len(seqs), "entries": seqs[:ENTRIES_NAMED_MAX]}
        log.append(Event("personal_erased", actor="lead-intake", details=details))
        await log.finish()
    return Erased(len(seqs), HOLDS)


async def kept_about(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """What is kept about these leads: who owns them, and since when."""
    return [dict(row) for row in await store.kept_about(uow.raw, lead_ids)]
