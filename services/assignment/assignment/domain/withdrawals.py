"""Which leads of an undone import can be closed: those that nobody has done anything about yet."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from assignment.domain.leads import Owned, Pooled, Withdrawn

if TYPE_CHECKING:
    from assignment.domain.leads import Standing


class Verdict(Enum):
    """What becomes of the wish to withdraw a lead."""

    CLOSED = auto()
    """The lead concerns nobody any longer."""

    POSTPONED = auto()
    """Other leads have joined it: it is what somebody has who did ask. Should those be withdrawn too, so is it."""

    REFUSED = auto()
    """Its owner has made contact, and goes on; or it is withdrawn already, or in the pool."""


def judge(standing: Standing, *, is_joined: bool) -> Verdict:
    """Whether a lead is withdrawn; `is_joined` when others have joined it which shall stay."""
    match standing:
        case Withdrawn() | Pooled():
            return Verdict.REFUSED
        case Owned() if standing.contacted_at is not None:
            return Verdict.REFUSED
    return Verdict.POSTPONED if is_joined else Verdict.CLOSED
