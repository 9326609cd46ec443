"""Who was given which lead, and what was done about it that counts, as events state it.

Each event knows some of it. What is stated is joined by least and greatest, and what follows from it is reckoned when
it is asked for: nothing depends on which event came first, or how often.
"""

from __future__ import annotations

from typing import NamedTuple


class Stretch(NamedTuple):
    """What one event states of an owner's time with a lead, which is the `number`th assignment of the lead.

    `..._us` are microseconds of Unix time, 0 where the event does not say. `due_us` is the deadline that the event is
    about; an assignment states all three, of 24, 48 and 72 hours.
    """

    lead_id: str
    number: int
    channel: str
    rep_id: str
    occurred_us: int
    assigned_us: int = 0
    due_us: int = 0
    due_48_us: int = 0
    due_72_us: int = 0


class EffectiveFollowUp(NamedTuple):
    """A follow-up that counts; `recorded_us` is when it was recorded, `told_us` when that it counts was stated."""

    lead_id: str
    follow_up_id: str
    author_id: str
    recorded_us: int
    told_us: int
