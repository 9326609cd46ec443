"""The workers that look after people's rights: one deletes what is too old, one moves requests on.

Both do a bounded piece of work in a transaction of its own and pass over what others hold, so that they never stand in
the door's way, and any number of replicas may run them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lead_intake.commands import retention, subjects

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from servicekit.database import Database

    from lead_intake.commands.retention import Purge
    from lead_intake.domain.retention import DataClass, RetentionPolicy
    from lead_intake.seals import Seals

RETENTION_IDLE_S = 60.0
REQUESTS_IDLE_S = 0.5


class Retention:
    """Deletes one batch of each class in a step."""

    def __init__(
        self,
        database: Database,
        policy: RetentionPolicy,
        purges: Mapping[DataClass, Purge],
        seals: Seals,
    ) -> None:
        self._database = database
        self._policy = policy
        self._purges = purges
        self._seals = seals

    async def step(self) -> bool:
        """Deletes what has been kept long enough; says whether there may be more."""
        is_more = False
        for data_class in self._purges:
            async with self._database.unit_of_work() as uow:
                is_more |= await retention.delete_expired(
                    uow, data_class, self._policy, self._purges, self._seals
                )
        return is_more


class SubjectRequests:
    """Asks the services about people, and raises the alarm when one is late."""

    def __init__(self, database: Database, seals: Seals, *, settle: timedelta) -> None:
        self._database = database
        self._seals = seals
        self._settle = settle

    async def step(self) -> bool:
        """Moves one request on; says whether there may be more."""
        async with self._database.unit_of_work() as uow:
            is_asked = await subjects.ask_services(uow, self._seals, settle=self._settle)
        async with self._database.unit_of_work() as uow:
            return await subjects.raise_overdue(uow) or is_asked
