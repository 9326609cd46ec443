"""Whether somebody is there, and whether that is as a rule wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from assignment.domain.rules import Rule

NEVER_SEEN_S = 2**32 - 1
AWAY_S = 2**32 - 2
"""How the seconds since somebody was seen say that they are away at their own word."""


class Presence(NamedTuple):
    """Whether somebody is there: seconds since they were seen, or one of the two values above; and how long idle.

    `idle_s` are seconds since they were last given a lead; infinite for never.
    """

    unseen_s: int = NEVER_SEEN_S
    idle_s: float = float("inf")


UNKNOWN = Presence()


def is_away(rule: Rule, unseen_s: int) -> bool:
    """Whether somebody is not there as a rule wants it."""
    return unseen_s == AWAY_S or (rule.seen_within_s is not None and unseen_s > rule.seen_within_s)
