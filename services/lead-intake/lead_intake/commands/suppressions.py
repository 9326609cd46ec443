"""Changes of the suppression list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.errors import Invalid

from lead_intake.domain.subjects import checked_reason
from lead_intake.store import suppressions as store
from lead_intake.wire import suppressions as wire

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

    from lead_intake.domain.suppressions import NewSuppression

POINTS_MAX = 1000
LIST = "suppressions"
"""What the changes of the list are ordered by."""


async def suppress(uow: UnitOfWork, new: NewSuppression) -> int:
    """Leaves people alone for a purpose and says so; returns how many entries are new. Raises `Invalid`."""
    _check(new)
    uow.publish(wire.suppressed(new, is_lifted=False), key=LIST)
    return await store.put(uow.raw, new, now=uow.now)


async def unsuppress(uow: UnitOfWork, gone: NewSuppression) -> int:
    """Takes people off the list and says so; returns how many entries were on it. Raises `Invalid`."""
    _check(gone)
    uow.publish(wire.suppressed(gone, is_lifted=True), key=LIST)
    return await store.lift(uow.raw, gone, now=uow.now)


def _check(entry: NewSuppression) -> None:
    checked_reason(entry.reason)
    if not 0 < len(entry.points) <= POINTS_MAX:
        raise Invalid(f"1 to {POINTS_MAX} people are named at once")
