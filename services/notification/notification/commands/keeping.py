"""Keeping what events call for, and who owns what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.events import new_id

from notification.domain.kinds import reminder_of
from notification.store import owners, reminders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import UnitOfWork

    from notification.domain.kinds import Policy
    from notification.domain.reminders import Happening, Ownership, Reminder


async def keep_reminders(
    uow: UnitOfWork, happenings: Sequence[Happening], *, policy: Policy
) -> None:
    """Writes a reminder for each kind that an event calls for; a failing one leaves the others alone (AS-11)."""
    called_for = (
        reminder_of(kind, happening, reminder_id=UUID(new_id()))
        for happening in happenings
        for kind in policy.of_event(happening.event)
    )
    await add(uow, [reminder for reminder in called_for if reminder is not None])


async def add(uow: UnitOfWork, kept: Sequence[Reminder]) -> None:
    """Writes reminders, due at once."""
    if kept:
        await reminders.add(uow.raw, kept, now=uow.now)


async def take_over(uow: UnitOfWork, ownerships: Sequence[Ownership]) -> None:
    """Keeps who owns what now."""
    await owners.take_over(uow.raw, ownerships)
