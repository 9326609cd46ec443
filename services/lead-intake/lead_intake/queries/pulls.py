"""How far the accounts are compared with what their senders have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lead_intake.store import pulls

if TYPE_CHECKING:
    from servicekit.database import Database

    from lead_intake.store.pulls import KeptPull


async def list_pulls(database: Database) -> list[KeptPull]:
    """The accounts that can be compared, by channel and name."""
    async with database.raw() as raw:
        return await pulls.list_pulls(raw)
