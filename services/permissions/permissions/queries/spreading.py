"""Waiting until a revocation is in force in every process that decides by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from accesskit.tokens import Token

from permissions.queries.facts import confirmations

if TYPE_CHECKING:
    from servicekit.database import Database

    from permissions.queries.live import Live

WAIT_S_MAX = 1.0
LOOK_EVERY_S = 0.01


async def in_force(database: Database, live: Live, token: str) -> bool:
    """Whether every replica that is known confirms the state of a token within a second; this process does at once.

    A process that has died is known for an hour after its last word, and makes the answer no.
    """
    await live.at_least(token)
    revision = Token.parse(token, log_id=live.log_id).revision
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while not await _is_confirmed(database, revision):
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        return False
    return True


async def _is_confirmed(database: Database, revision: int) -> bool:
    replicas = await confirmations(database, revision)
    return all(replica.confirmation is not None for replica in replicas)
