"""The watch over groups that reminders are for: one that cannot be reached is seen before its first reminder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from servicekit import metrics

if TYPE_CHECKING:
    from notification.commands.books import AddressBook
    from notification.domain.kinds import Policy

log = structlog.get_logger()

IDLE_S = 30.0


class GroupWatch:
    """Looks at the start and every half minute; what changed is logged, what is so is measured."""

    def __init__(self, book: AddressBook, policy: Policy) -> None:
        self._book = book
        self._groups = policy.groups
        self._missing: frozenset[str] | None = None

    async def step(self) -> bool:
        """Looks once; false, so that a worker rests after it."""
        missing = frozenset(group for group in self._groups if not self._book.is_reachable(group))
        for group in self._groups:
            metrics.bound(metrics.REMINDER_GROUPS_MISSING, group).set(group in missing)
        if missing != self._missing and (missing or self._missing):
            log.warning("reminder_groups_missing", groups=sorted(missing))
        self._missing = missing
        return False
