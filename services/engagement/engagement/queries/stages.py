"""Questions about stages, deals and payments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engagement.domain.stages import UnknownStage
from engagement.store import money as money_store
from engagement.store import stages as store

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from servicekit.database import Database

    from engagement.domain.money import Payment
    from engagement.domain.stages import Move, Standing


@dataclass(frozen=True, slots=True)
class Overview:
    """How far an opportunity is, what is paid, and what is planned: parts with amount and date."""

    standing: Standing
    payments: list[Payment]
    plan: list[tuple[str, int, datetime]]


async def get_overview(database: Database, lead_id: UUID) -> Overview:
    """How far an opportunity is; raises `UnknownStage`."""
    async with database.raw() as raw:
        standing = await store.get(raw, lead_id)
        if standing is None:
            raise UnknownStage(lead_id)
        payments = await money_store.payments_of(raw, lead_id)
        return Overview(standing, payments, await money_store.planned(raw, lead_id))


async def list_moves(database: Database, lead_id: UUID) -> list[Move]:
    """Every move of an opportunity, oldest first."""
    async with database.raw() as raw:
        return await store.moves(raw, lead_id)


async def list_unmatched(database: Database) -> list[Payment]:
    """Payments that count for no deal, newest first."""
    async with database.raw() as raw:
        return await money_store.unmatched(raw)
