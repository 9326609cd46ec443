"""Gathers statements of concurrent callers: one transaction resolves whatever came while the last one committed.

Groups grow with the load, and a lone caller waits for nobody.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicekit.errors import Unavailable, outcome_of

if TYPE_CHECKING:
    from servicekit.database import Database

    from identity.commands.resolving import Resolver
    from identity.domain.statements import Resolved, Statement

GROUP_SIZE_MAX = 250
QUEUE_MAX = 2_000
RETRY_AFTER_S = 0.5
ATTEMPTS_MAX = 3
"""How often a group is tried that others were in the way of."""

Waiting = tuple["Statement", "asyncio.Future[Resolved]"]


class Gathering:
    """Resolves statements in groups; `step` is run by a worker that `wake` starts."""

    def __init__(self, database: Database, resolver: Resolver) -> None:
        self._database = database
        self._resolver = resolver
        self._waiting: list[Waiting] = []
        self.wake = _nobody

    async def resolve(self, statement: Statement) -> Resolved:
        """Whose the statement is, once it is durably stored.

        Raises `Unavailable` when too many wait already, or when it is not known to be stored: the caller asks again.
        """
        if len(self._waiting) >= QUEUE_MAX:
            raise Unavailable("too many statements are waiting", retry_after_s=RETRY_AFTER_S)
        resolved: asyncio.Future[Resolved] = asyncio.get_running_loop().create_future()
        self._waiting.append((statement, resolved))
        self.wake()
        return await resolved

    async def step(self) -> bool:
        """Resolves what waits, as one group; says whether more has come meanwhile. Never raises."""
        group, self._waiting = self._waiting[:GROUP_SIZE_MAX], self._waiting[GROUP_SIZE_MAX:]
        group = [entry for entry in group if not entry[1].done()]
        if group and not await self._resolved(group, ATTEMPTS_MAX):
            for entry in group:
                await self._resolved([entry], ATTEMPTS_MAX)
        return bool(self._waiting)

    async def _resolved(self, group: list[Waiting], attempts: int) -> bool:
        """Resolves a group in one transaction; False when it fails and is of several, who are to be tried singly."""
        try:
            async with self._database.unit_of_work() as uow:
                found = await self._resolver.resolve(uow, [statement for statement, _ in group])
        except Exception as error:  # noqa: BLE001 - whoever waits must be told
            if outcome_of(error).grpc_code == "UNAVAILABLE" and attempts > 1:
                return await self._resolved(group, attempts - 1)
            if len(group) == 1:
                _tell(group[0][1], error)
            return len(group) == 1
        for (_, future), resolved in zip(group, found, strict=True):
            if not future.done():
                future.set_result(resolved)
        return True


def _tell(future: asyncio.Future[Resolved], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _nobody() -> None:
    """Nobody is to be woken."""
