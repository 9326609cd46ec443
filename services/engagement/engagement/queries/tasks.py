"""Questions about tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.tasks import Whose, led_by
from engagement.store import tasks as store

if TYPE_CHECKING:
    from servicekit.database import Database

    from engagement.domain.tasks import GroupsOf, ManagerOf, Task
    from engagement.seals import Seals


class TaskBoard:
    """The tasks of whoever asks; `manager_of` says who leads somebody now, `groups_of` which groups they are in."""

    def __init__(
        self, database: Database, seals: Seals, manager_of: ManagerOf, groups_of: GroupsOf
    ) -> None:
        self._database = database
        self._seals = seals
        self._manager_of = manager_of
        self._groups_of = groups_of

    async def mine(self, person_id: str, *, is_closed: bool) -> list[Task]:
        """What somebody is to answer or to approve, or did."""
        async with self._database.raw() as raw:
            people = await store.people(raw, is_closed=is_closed)
            led = [each for each in people if self._manager_of(each) == person_id]
            whose = Whose(person_id, led, sorted(self._groups_of(person_id)))
            return await store.of_person(raw, whose, self._seals, is_closed=is_closed)

    async def team(self, person_id: str, *, is_closed: bool) -> list[Task]:
        """The tasks about, or given to, people whom somebody leads."""
        async with self._database.raw() as raw:
            people = await store.people(raw, is_closed=is_closed)
            led = led_by(person_id, people, self._manager_of)
            return await store.of_people(raw, led, self._seals, is_closed=is_closed)
