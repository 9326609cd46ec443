"""Deadlines by the working calendars of teams; by the clock on the wall for a rep whose team has none.

The clock is the owner's own (AS-15): it counts from the moment at which this owner got the lead. What a rep's shifts
and time off leave out counts all the same: a customer does not wait longer because their rep is on leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from assignment.domain.calendars import NoWorkingTime
from assignment.domain.leads import Owned

if TYPE_CHECKING:
    from datetime import datetime

    from assignment.domain.candidates import Router
    from assignment.domain.leads import LeadId, RepId, StoredLead

CONTACT_TIMER = "contact"
YELLOW_TIMER = "yellow"
OVERDUE_TIMER = "overdue"
HOLD_TIMER = "hold"
WALL_TIME = ""


@dataclass(frozen=True, slots=True)
class Timer:
    """One assignment's clock; it concerns nobody once the lead has another owner.

    `calendar` names what it was counted by, as that was at `roster_version`; empty for the clock on the wall.
    """

    lead_id: LeadId
    assignment_no: int
    started_at: datetime
    due_at: datetime
    calendar: str = WALL_TIME
    roster_version: int = 0


class FollowUpDue(NamedTuple):
    """When 24, 48 and 72 hours of an owner's time are over (AS-19, FU-08), by the named calendar."""

    calendar: str
    in_24h: datetime
    in_48h: datetime
    in_72h: datetime


def concerned(stored: StoredLead | None, timer: Timer) -> Owned | None:
    """The owner whose clock it is, if they still have the lead."""
    standing = stored.standing if stored is not None else None
    if isinstance(standing, Owned) and standing.assignment_no == timer.assignment_no:
        return standing
    return None


def is_idle(stored: StoredLead, timer: Timer) -> bool:
    """Whether nothing that counts has been done since the clock started."""
    return stored.effective_at is None or stored.effective_at < timer.started_at


class TeamClocks:
    """The clocks that start at one moment; it counts once for all reps of a calendar."""

    def __init__(self, router: Router, *, now: datetime) -> None:
        self._reps = router.reps
        self._calendars = router.roster.calendars
        self.now = now
        self.roster_version = router.roster.version
        self.rules_version = router.rules.version
        self._deadlines: dict[tuple[str, timedelta, datetime], tuple[str, datetime]] = {}

    def due_at(self, rep_id: RepId, within: timedelta) -> datetime:
        """When a rep's time is over that begins now."""
        return self._deadline(rep_id, within, self.now)[1]

    def follow_up_due(self, rep_id: RepId) -> FollowUpDue:
        """When a rep who gets a lead now is late."""
        calendar, in_24h = self._deadline(rep_id, timedelta(hours=24), self.now)
        in_48h, in_72h = (self.due_at(rep_id, timedelta(hours=hours)) for hours in (48, 72))
        return FollowUpDue(calendar, in_24h, in_48h, in_72h)

    def timer(
        self, lead_id: LeadId, owned: Owned, within: timedelta, *, started_at: datetime
    ) -> Timer:
        """The clock of a lead's owner, counted from when it began."""
        calendar, due_at = self._deadline(owned.assignee_id, within, started_at)
        number = owned.assignment_no
        return Timer(lead_id, number, started_at, due_at, calendar, self.roster_version)

    def _deadline(self, rep_id: RepId, within: timedelta, since: datetime) -> tuple[str, datetime]:
        rep = self._reps.get(rep_id)
        name = rep.calendar if rep is not None else WALL_TIME
        key = (name, within, since)
        known = self._deadlines.get(key)
        if known is None:
            known = self._deadlines[key] = self._counted(name, within, since)
        return known

    def _counted(self, name: str, within: timedelta, since: datetime) -> tuple[str, datetime]:
        """The deadline, with the calendar that was counted by; one in which nobody works within a year is none."""
        calendar = self._calendars.get(name) if name else None
        if calendar is not None:
            try:
                return name, calendar.working_time_after(since, within.total_seconds())
            except NoWorkingTime:
                pass
        return WALL_TIME, since + within
