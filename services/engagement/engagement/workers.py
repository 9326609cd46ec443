"""What engagement looks for by itself; any number of replicas may run each of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.commands.contacts import tell_stale
from engagement.commands.stages import tell_overdue

if TYPE_CHECKING:
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.commands.standings import Standings
    from engagement.commands.tasks import Tasks
    from engagement.commands.watches import Watches
    from engagement.policies import Policies

POLL_S = 10.0
"""How often it is looked; what is looked for has deadlines of days."""
TASKS_POLL_S = 1.0
"""How often it is looked whether tasks, or looks at standings, are due: an index answers that."""
FIND_POLL_S = 60.0
"""How often is looked for what takes reading through what was done of late."""


def work(chassis: Chassis, policies: Policies, steps: Steps) -> None:
    """Adds the workers to the chassis."""
    watch = Watch(chassis.database, policies)
    chassis.work("stale opportunities", watch.for_stale, idle_s=POLL_S)
    chassis.work("overdue stages", watch.for_overdue, idle_s=POLL_S)
    chassis.work("overdue tasks", steps.overdue_tasks, idle_s=TASKS_POLL_S)
    chassis.work("standings", steps.standings, idle_s=TASKS_POLL_S)
    chassis.work("companies at risk", steps.risks, idle_s=FIND_POLL_S)
    chassis.work("split orders", steps.splits, idle_s=FIND_POLL_S)
    chassis.work("unanswered offers", steps.unanswered, idle_s=FIND_POLL_S)
    chassis.work("idle reps", steps.idle, idle_s=FIND_POLL_S)


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


class Steps:
    """Looks for what must be told of tasks, by watches and of standings; each step says whether there may be more."""

    def __init__(
        self, database: Database, tasks: Tasks, watches: Watches, standings: Standings
    ) -> None:
        self._database = database
        self._tasks = tasks
        self._watches = watches
        self._standings = standings

    async def overdue_tasks(self) -> bool:
        """Tasks that were not answered in time."""
        async with self._database.unit_of_work() as uow:
            return await self._tasks.tell_overdue(uow)

    async def standings(self) -> bool:
        """What follows from how accounts stand (FU-27, FU-28, FU-29, FU-32)."""
        async with self._database.unit_of_work() as uow:
            return await self._standings.check(uow)

    async def risks(self) -> bool:
        """Companies at risk whose customers have an opportunity by now (FU-33)."""
        async with self._database.unit_of_work() as uow:
            return await self._watches.find_risks(uow)

    async def splits(self) -> bool:
        """Orders that may have been split (FU-26)."""
        async with self._database.unit_of_work() as uow:
            return await self._watches.find_splits(uow)

    async def unanswered(self) -> bool:
        """Offers that get no answer (AS-18)."""
        async with self._database.unit_of_work() as uow:
            return await self._watches.find_unanswered(uow)

    async def idle(self) -> bool:
        """Reps who record nothing (FU-12)."""
        async with self._database.unit_of_work() as uow:
            return await self._watches.find_idle(uow)
