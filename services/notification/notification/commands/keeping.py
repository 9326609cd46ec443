"""Keeping what events call for, and who owns what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.events import new_id

from notification.commands.routing import messages
from notification.domain.kinds import reminder_of
from notification.domain.routing import beginning
from notification.store import owners, reminders, sends

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servicekit.database import UnitOfWork

    from notification.domain.kinds import Policy
    from notification.domain.reminders import Happening, Ownership, Reminder
    from notification.domain.routing import Directory


@dataclass(frozen=True, slots=True)
class Keeper:
    """Turns what happened into reminders, by a policy and by who is known now.

    `on_queued` is called when messages were queued, `on_due` when the router has something to look into; both before
    the commit that shows it.
    """

    policy: Policy
    directory: Directory
    on_queued: Callable[[], None]
    on_due: Callable[[], None]

    async def keep_reminders(self, uow: UnitOfWork, happenings: Sequence[Happening]) -> None:
        """Writes a reminder for each kind that an event calls for; a failing one leaves the others alone (AS-11)."""
        called_for = (
            reminder_of(kind, happening, reminder_id=UUID(new_id()))
            for happening in happenings
            for kind in self.policy.of_event(happening.event)
        )
        await self.add(uow, [reminder for reminder in called_for if reminder is not None])

    async def add(self, uow: UnitOfWork, kept: Sequence[Reminder]) -> None:
        """Writes reminders with their first messages; those whose way is not clear at once are the router's."""
        if not kept:
            return
        resources = {each.target.resource for each in kept if each.target.resource is not None}
        known = await owners.of(uow.raw, resources)
        begun = [
            beginning(
                each,
                known.get(each.target.resource) if each.target.resource else None,
                self.policy,
                self.directory,
                now=uow.now,
            )
            for each in kept
        ]
        new = await reminders.add(uow.raw, begun, now=uow.now)
        routed = [
            (each.reminder.reminder_id, each.route) for each in begun if each.route is not None
        ]
        queued = [row for id_, route in routed if id_ in new for row in messages(id_, route)]
        await sends.queue(uow.raw, queued, now=uow.now)
        if queued:
            self.on_queued()
        if len(routed) < len(begun):
            self.on_due()


async def take_over(uow: UnitOfWork, ownerships: Sequence[Ownership]) -> None:
    """Keeps who owns what now."""
    await owners.take_over(uow.raw, ownerships)
