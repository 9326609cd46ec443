"""Reminder health (提醒健康度, AS-12): of what was to be told, how much was sent, reached somebody, was opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notification.domain.kinds import Thresholds

COUNT_MIN = 20
"""Reminders below which a rate says nothing."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One kind's reminders of a window that had time enough: how many were to be sent, and how far they got.

    `opened_of` are those old enough for somebody to have opened them, `opened` those that were.
    """

    kind: str
    asked: int
    sent: int
    reached: int
    opened_of: int
    opened: int


@dataclass(frozen=True, slots=True)
class Health:
    """A kind's rates, 0 to 1 (1 where there is nothing to judge), and those that are below their threshold."""

    kind: str
    asked: int
    sent_rate: float
    reached_rate: float
    interacted_rate: float
    low: tuple[str, ...]


def judged(tally: Tally, thresholds: Thresholds) -> Health:
    """The health of a kind; a rate of fewer than 20 reminders is never low.

    Sent (发出率) is of all that were to be sent, reached (触达率) of those sent, interacted (交互率) of those reached.
    """
    rates = {
        "sent": (tally.sent, tally.asked, thresholds.sent),
        "reached": (tally.reached, tally.sent, thresholds.reached),
        "interacted": (tally.opened, tally.opened_of, thresholds.interacted),
    }
    low = tuple(
        name for name, (count, of, least) in rates.items() if of >= COUNT_MIN and count < least * of
    )
    shares = {name: count / of if of else 1.0 for name, (count, of, _) in rates.items()}
    return Health(
        tally.kind,
        tally.asked,
        sent_rate=shares["sent"],
        reached_rate=shares["reached"],
        interacted_rate=shares["interacted"],
        low=low,
    )
