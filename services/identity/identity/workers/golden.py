"""After a policy came into force: makes the golden records of older ones anew, a few at a time.

How far it is, the records themselves say; a process that dies loses nothing, and several share the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.commands.golden import Renewal
from identity.domain.golden_changes import Cause
from identity.store import golden

if TYPE_CHECKING:
    from identity.commands.golden import GoldenRecords

AT_ONCE = 100
"""Customers in one transaction: short enough that nobody who resolves a lead waits for it."""

IDLE_S = 1.0


class PolicyFollower:
    """Makes records anew, in steps that a worker runs."""

    def __init__(self, records: GoldenRecords) -> None:
        self._records = records

    async def step(self) -> bool:
        """Makes a few records anew; says whether there may be more."""
        async with self._records.archive.database.unit_of_work() as uow:
            policy = await self._records.archive.policies.read(uow.raw)
            behind = await golden.hold_behind(uow.raw, policy_version=policy.version, limit=AT_ONCE)
            if behind:
                actor = self._records.archive.policies.published_by
                await self._records.renew(uow, behind, Renewal(Cause.POLICY, actor))
        return len(behind) == AT_ONCE
