"""Waiting until a revocation is in force in every process that decides by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicekit.errors import Unavailable

from permissions.queries.facts import confirmations

if TYPE_CHECKING:
    from servicekit.database import Database

    from permissions.queries.live import Live

LOOK_EVERY_S = 0.01
LOOKS_MAX = 100
CATCH_UPS_MAX = 5
"""Tries to catch up with a large handover; each applies what it read in its time."""


async def in_force(database: Database, live: Live, token: str, *, revision: int) -> bool:
    """Whether every replica that is known confirms a revocation within a second; this process applies it at once.

    `revision` is that of the revocation, 0 when there was nothing left to revoke, which is never confirmed. A process
    that has died is known for 45 seconds after its last word, and makes the answer no.
    """
    if not await _has_reached(live, token) or not revision:
        return False
    for _ in range(LOOKS_MAX):
        replicas = await confirmations(database, revision)
        if all(replica.confirmation is not None for replica in replicas):
            return True
        await asyncio.sleep(LOOK_EVERY_S)
    return False


async def _has_reached(live: Live, token: str) -> bool:
    """Whether this process has applied the state; what was done is done, so that a slow log is no refusal."""
    for _ in range(CATCH_UPS_MAX):
        try:
            await live.at_least(token)
        except Unavailable:
            continue
        return True
    return False
