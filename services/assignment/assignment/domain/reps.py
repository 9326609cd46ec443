"""The people who take leads, and how much each of them has been given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from servicekit.errors import Invalid

from assignment.domain.calendars import WorkingCalendar, week_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from assignment.domain.calendars import Absence, Span
    from assignment.domain.leads import RepId

REPS_MAX = 10_000
NAME_LENGTH_MAX = 64
WEIGHT_MAX = 1000
CAPACITY_MAX = 1_000_000
SHIFTS_MAX = 50
ABSENCES_MAX = 200
FROZEN = "frozen"
LEFT = "left"
INACTIVE_BECAUSE = ("", FROZEN, LEFT)
EVERY_HOUR = WorkingCalendar()

_SUFFIXES = ("省", "市", "自治区", "特别行政区")


class UnusableRep(Invalid):
    """A rep as described can never be given a lead, or not the right ones."""

    def __init__(self, rep_id: str, reason: str) -> None:
        super().__init__(f"rep {rep_id or '(without id)'}: {reason}")


class TooManyReps(Invalid):
    """One request names more reps than it may."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} reps in one request, at most {REPS_MAX}")


@dataclass(frozen=True, slots=True, order=True)
class Shift:
    """A span of working time on some weekdays, 1 for Monday."""

    weekdays: tuple[int, ...]
    span: Span

    def __str__(self) -> str:
        return f"{','.join(map(str, self.weekdays))} {self.span}"


@dataclass(frozen=True, slots=True)
class Rep:
    """Somebody who can take leads.

    `cities` empty means unknown, `industries` empty means all, `capacity` 0 means no limit of open leads; `weight`
    is the share of leads relative to other reps. `manager_id` is empty when nobody is told. `calendar` names a team
    calendar, empty for none; `shifts` are working hours in place of the calendar's; `inactive_because` is `frozen` or
    `left` where somebody said.
    """

    rep_id: RepId
    manager_id: str
    provinces: frozenset[str]
    cities: frozenset[str]
    industries: frozenset[str]
    capacity: int
    weight: int
    active: bool
    skills: frozenset[str] = frozenset()
    calendar: str = ""
    shifts: tuple[Shift, ...] = ()
    absences: tuple[Absence, ...] = ()
    inactive_because: str = ""

    def takes_turns_like(self, other: Rep) -> bool:
        """Whether the same leads come to both at the same rate, so that turns taken can be carried over."""
        return (
            (self.active, self.weight) == (other.active, other.weight)
            and self.provinces == other.provinces
            and self.cities == other.cities
            and self.industries == other.industries
            and self.skills == other.skills
            and (self.calendar, self.shifts) == (other.calendar, other.shifts)
        )


@dataclass(frozen=True, slots=True)
class RepLoad:
    """A rep with their open leads, the leads ever given to them, and whether they are there.

    `seen_at` is None for one who was never seen; `is_away` holds at their own word.
    """

    rep: Rep
    open_count: int
    assigned_count: int
    seen_at: datetime | None = None
    is_away: bool = False
    is_on_duty: bool = True


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is off duty at a moment, and until when that stays so; None for ever.

    `arrived` are those of them who are on duty already, and whose coming has not been noted yet.
    """

    off: frozenset[RepId] = frozenset()
    until: datetime | None = None
    arrived: tuple[RepId, ...] = ()


ON_DUTY = Duty()


@dataclass(frozen=True, slots=True)
class Roster:
    """Every rep at one version, by rep id, with the calendars by which they work."""

    version: int
    reps: tuple[Rep, ...]
    calendars: Mapping[str, WorkingCalendar] = field(default_factory=dict, hash=False)

    @classmethod
    def of(
        cls,
        version: int,
        reps: Iterable[Rep],
        calendars: Mapping[str, WorkingCalendar] | None = None,
    ) -> Roster:
        """The roster of these reps, in any order."""
        return cls(version, tuple(sorted(reps, key=lambda rep: rep.rep_id)), calendars or {})

    def calendar_of(self, rep: Rep) -> WorkingCalendar | None:
        """When a rep works; None for always. A calendar that is not known leaves the rep without one."""
        if not (rep.calendar or rep.shifts or rep.absences):
            return None
        team = self.calendars.get(rep.calendar, EVERY_HOUR)
        week = week_of((shift.weekdays, shift.span) for shift in rep.shifts)
        return replace(team, week=week if rep.shifts else team.week, absences=rep.absences)

    def duty(self, now: datetime, *, noted_at: datetime) -> Duty:
        """Who is off duty now.

        One who came on duty after `noted_at` is not counted in before that was noted: until then their turns are those
        from before they left.
        """
        off: list[RepId] = []
        arrived: list[RepId] = []
        changes: list[datetime] = []
        for rep_ids, calendar in self._shared_calendars():
            if not calendar.lasts_on_duty(min(noted_at, now), now):
                off += rep_ids
                arrived += rep_ids if calendar.is_on_duty(now) else ()
            change = calendar.next_change(now)
            if change is not None:
                changes.append(change)
        return Duty(frozenset(off), min(changes, default=None), tuple(arrived))

    def _shared_calendars(self) -> Iterable[tuple[list[RepId], WorkingCalendar]]:
        """The reps of each calendar that there is: many work by the same."""
        shared: dict[WorkingCalendar, list[RepId]] = {}
        for rep in self.reps:
            calendar = self.calendar_of(rep) if rep.active else None
            if calendar is not None:
                shared.setdefault(calendar, []).append(rep.rep_id)
        return [(rep_ids, calendar) for calendar, rep_ids in shared.items()]


def check_reps(reps: Sequence[Rep]) -> None:
    """Raises `UnusableRep` for the first rep that could never work as meant, `TooManyReps` for too many."""
    if len(reps) > REPS_MAX:
        raise TooManyReps(len(reps))
    seen: set[RepId] = set()
    for rep in reps:
        reason = _fault_of(rep) or ("named twice" if rep.rep_id in seen else None)
        if reason:
            raise UnusableRep(rep.rep_id[:NAME_LENGTH_MAX], reason)
        seen.add(rep.rep_id)


def _fault_of(rep: Rep) -> str | None:
    if not rep.rep_id.strip():
        return "the id is empty"
    ids = rep.rep_id + rep.manager_id
    if not ids.isprintable() or max(len(rep.rep_id), len(rep.manager_id)) > NAME_LENGTH_MAX:
        return f"an id is not at most {NAME_LENGTH_MAX} printable characters"
    if not 1 <= rep.weight <= WEIGHT_MAX or not 0 <= rep.capacity <= CAPACITY_MAX:
        return f"the weight goes up to {WEIGHT_MAX}, the capacity up to {CAPACITY_MAX}"
    names = [*rep.provinces, *rep.cities, *rep.industries, *rep.skills]
    return _fault_of_names(names) or _fault_of_places(rep) or _fault_of_hours(rep)


def _fault_of_names(names: Iterable[str]) -> str | None:
    for name in names:
        if not name.strip() or not name.isprintable() or len(name) > NAME_LENGTH_MAX:
            return f"a place, industry or skill is not 1 to {NAME_LENGTH_MAX} printable characters"
    return None


def _fault_of_places(rep: Rep) -> str | None:
    """A suffix is refused: 深圳市 would never equal a lead's 深圳, and its leads would wait unseen."""
    for place in sorted(rep.provinces | rep.cities):
        if len(place) > 2 and place.endswith(_SUFFIXES):
            return f"{place} must be written without its suffix"
    return None


def _fault_of_hours(rep: Rep) -> str | None:
    if len(rep.calendar) > NAME_LENGTH_MAX or len(rep.shifts) > SHIFTS_MAX:
        return f"the calendar's name is too long, or there are more than {SHIFTS_MAX} shifts"
    if len(rep.absences) > ABSENCES_MAX or any(each.start >= each.end for each in rep.absences):
        return f"a time off ends before it begins, or there are more than {ABSENCES_MAX}"
    if rep.inactive_because not in INACTIVE_BECAUSE or (rep.active and rep.inactive_because):
        return "only an inactive rep is frozen or left"
    return None


@dataclass(frozen=True, slots=True)
class RosterChange:
    """What new descriptions of reps change."""

    changed: list[Rep]
    """Reps to write: new ones and those described otherwise than before."""
    rejoining: list[RepId] = field(default_factory=list)
    """Known reps to whom other leads come from now on: their turns start again at the current minimum."""


def roster_change(known: Mapping[RepId, Rep], described: Sequence[Rep]) -> RosterChange:
    """What differs between the reps that are known and as they are described now."""
    changed = [rep for rep in described if known.get(rep.rep_id) != rep]
    rejoining = [
        rep.rep_id
        for rep in changed
        if rep.rep_id in known and not rep.takes_turns_like(known[rep.rep_id])
    ]
    return RosterChange(changed, rejoining)


def is_full(rep: Rep, open_count: int) -> bool:
    """Whether a rep has as many open leads as they may have."""
    return 0 < rep.capacity <= open_count
