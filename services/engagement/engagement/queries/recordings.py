"""Questions about recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.store import recordings as store

if TYPE_CHECKING:
    from servicekit.database import Database

    from engagement.store.recordings import FailedRecording


async def list_failed(database: Database) -> list[FailedRecording]:
    """Recordings that nobody tries any more, newest first."""
    async with database.raw() as raw:
        return await store.failed(raw)
