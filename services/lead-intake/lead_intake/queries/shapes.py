"""How the shapes of accounts' bodies have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lead_intake.store import shapes as store

if TYPE_CHECKING:
    from servicekit.database import Database

    from lead_intake.wire.shapes import WantedDrifts


async def list_drifts(database: Database, wanted: WantedDrifts) -> list[bytes]:
    """Drifts, newest first, each as it was published."""
    async with database.raw() as raw:
        return await store.drifts(
            raw,
            channel=wanted.channel,
            account=wanted.account,
            before=wanted.before,
            limit=wanted.limit,
        )
