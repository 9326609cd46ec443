"""What engagement looks for by itself; any number of replicas may run each of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.commands.contacts import tell_stale
from engagement.commands.stages import tell_overdue

if TYPE_CHECKING:
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.policies import Policies

POLL_S = 10.0
"""How often it is looked; what is looked for has deadlines of days."""


def work(chassis: Chassis, policies: Policies) -> None:
    """Adds the workers to the chassis."""
    watch = Watch(chassis.database, policies)
    chassis.work("stale opportunities", watch.for_stale, idle_s=POLL_S)
    chassis.work("overdue stages", watch.for_overdue, idle_s=POLL_S)


class Watch:
    """Looks for what nobody does; each step says whether there may be more."""

    def __init__(self, database: Database, policies: Policies) -> None:
        self._database = database
        self._policies = policies

    async def for_stale(self) -> bool:
        """Opportunities that nobody looks after (FU-05)."""
        async with self._database.unit_of_work() as uow:
            return await tell_stale(uow, self._policies.follow_ups)

    async def for_overdue(self) -> bool:
        """Opportunities that are at their stage for too long (FU-17)."""
        async with self._database.unit_of_work() as uow:
            return await tell_overdue(uow, self._policies.machine)
