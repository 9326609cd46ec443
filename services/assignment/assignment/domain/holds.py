"""How long somebody may hold a lead: three clocks by its level, and what one that runs out means.

The clocks say when an owner's time is over; that they lose the lead is for permissions to decide, who knows what is
protected. Times are counted for each owner, from when they got the lead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from assignment.domain.clocks import Timer
    from assignment.domain.leads import Lead, StoredLead
    from assignment.domain.pool import PoolTerms

ASKED_AGAIN_AFTER = timedelta(days=1)
"""A warning comes so long before the end, however late it is; and what permissions keeps is asked about so often."""


class HoldClock(Enum):
    """Which clock ends an owner's time; the values are those of the contract."""

    DEFAULT = "default"
    EXTENSION = "extension"
    MAXIMUM = "maximum"


@dataclass(frozen=True, slots=True)
class LevelCondition:
    """Which leads are of a level: each part that is not None (or empty) must hold; attributes are compared as text."""

    min_score: float | None = None
    channels: frozenset[str] | None = None
    industries: frozenset[str] | None = None
    source_kinds: frozenset[str] | None = None
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def holds(self, lead: Lead, score: float) -> bool:
        """Whether a lead of this score is one of them."""
        profile, said = lead.profile, lead.traits.attributes
        return (
            (self.min_score is None or score >= self.min_score)
            and (self.channels is None or lead.channel in self.channels)
            and (self.industries is None or profile.industry in self.industries)
            and (self.source_kinds is None or profile.source_kind in self.source_kinds)
            and all(said.get(name, "") in wanted for name, wanted in self.attributes.items())
        )


@dataclass(frozen=True, slots=True)
class Level:
    """A level of leads with its clocks; `when` is None in the last one, which is for all.

    Owners are warned `warn_before` their time is over.
    """

    level_id: str
    when: LevelCondition | None
    default: timedelta
    extension: timedelta
    maximum: timedelta
    warn_before: timedelta


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """The public pool's rules: the levels of leads, of which the last fits every one, and the terms of claiming."""

    levels: tuple[Level, ...]
    terms: PoolTerms

    def level_of(self, lead: Lead, score: float) -> Level:
        """The first level that a lead of this score fits."""
        for level in self.levels[:-1]:
            if level.when is None or level.when.holds(lead, score):
                return level
        return self.levels[-1]

    def hold_of(self, stored: StoredLead, score: float, *, since: datetime) -> Hold:
        """How long the owner who got a lead at `since` may hold it."""
        level = self.level_of(stored.lead, score)
        return hold(level, since=since, effective_at=stored.effective_at)


class Hold(NamedTuple):
    """Until when an owner may hold a lead, by which clock of which level, and when they are warned."""

    level_id: str
    clock: HoldClock
    recycle_at: datetime
    warn_at: datetime


def hold(level: Level, *, since: datetime, effective_at: datetime | None) -> Hold:
    """How long an owner may hold a lead that they got at `since`; `effective_at` is when something last counted.

    What was done before they got it extends nothing.
    """
    clock, end = HoldClock.DEFAULT, since + level.default
    if effective_at is not None and effective_at >= since:
        extended = effective_at + level.extension
        if extended > end:
            clock, end = HoldClock.EXTENSION, extended
    if since + level.maximum < end:
        clock, end = HoldClock.MAXIMUM, since + level.maximum
    return Hold(level.level_id, clock, end, end - level.warn_before)


class Ring(Enum):
    """What a hold's clock that rings is for."""

    TOO_EARLY = "too early"
    WARNING = "warning"
    EXPIRED = "expired"


def ring(timer: Timer, held: Hold, *, now: datetime) -> tuple[Ring, datetime]:
    """What a hold's clock that rings is for, and when it shall ring again.

    Nobody loses a lead without a warning for that very end: a clock that was not set to it, or beyond it, warns, a day
    before the end at the latest.
    """
    if now < held.warn_at:
        return Ring.TOO_EARLY, held.warn_at
    if timer.due_at >= held.recycle_at:
        return Ring.EXPIRED, now + ASKED_AGAIN_AFTER
    if now >= held.recycle_at:
        return Ring.WARNING, now + ASKED_AGAIN_AFTER
    return Ring.WARNING, held.recycle_at
