"""Working time: shifts of a week, holidays, make-up days and time off; and when seconds of work are over.

Hidden decision: time is cut into stretches of work, local day by local day. A shift belongs to the day on which it
begins, however late it ends: a holiday takes away what begins on it, a make-up day adds what begins on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from servicekit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

USUAL_ZONE = "Asia/Shanghai"
DAY_MINUTES = 24 * 60
SEARCHED_DAYS_MAX = 400
LOOKED_BACK = timedelta(days=30)
NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class UnusableCalendar(Invalid):
    """Working hours that cannot be meant."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"calendar {name or '(without name)'}: {reason}")


class NoWorkingTime(Invalid):
    """A calendar whose working time does not come within a year."""

    def __init__(self) -> None:
        super().__init__(f"there is no working time within {SEARCHED_DAYS_MAX} days")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Minutes of a local day, from the first until before the last; a last above 1,440 lies on the next day."""

    start_minute: int
    end_minute: int

    def __str__(self) -> str:
        return f"{_clock(self.start_minute)}-{_clock(self.end_minute)}"


@dataclass(frozen=True, slots=True, order=True)
class Absence:
    """A time in which somebody does not work, from its first moment until before its last."""

    start: datetime
    end: datetime


Spans = tuple[Span, ...]
Week = tuple[Spans, Spans, Spans, Spans, Spans, Spans, Spans]
ALL_DAY: Spans = (Span(0, DAY_MINUTES),)
ALWAYS: Week = (ALL_DAY,) * 7


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """When somebody works: `week` from Monday on, in `zone`.

    `exceptions` are days with hours of their own (make-up days); they win over `holidays`. `absences` win over both.
    """

    zone: str = USUAL_ZONE
    week: Week = ALWAYS
    holidays: frozenset[date] = frozenset()
    exceptions: tuple[tuple[date, Spans], ...] = ()
    absences: tuple[Absence, ...] = ()

    def is_on_duty(self, at: datetime) -> bool:
        """Whether `at` is working time."""
        return any(start <= at < end for start, end in self._around(at))

    def next_change(self, at: datetime) -> datetime | None:
        """The first moment after `at` at which duty begins or ends; None when there is none within 400 days."""
        on_duty = self.is_on_duty(at)
        for start, end in self.stretches(at):
            if on_duty and start <= at < end:
                return end if end < _horizon(at) else None
            if start > at:
                return start
        return None

    def lasts_on_duty(self, start: datetime, end: datetime) -> bool:
        """Whether everything from `start` to `end` is working time; of a longer time, the last 30 days of it."""
        start = max(start, end - LOOKED_BACK)
        if start >= end:
            return self.is_on_duty(end)
        change = self.next_change(start) if self.is_on_duty(start) else start
        return change is None or change > end

    def working_time_after(self, start: datetime, seconds: float) -> datetime:
        """The moment at which so many seconds of working time have passed since `start`; raises `NoWorkingTime`.

        A span that is used up to its last second ends there, not at the beginning of the next one.
        """
        left = timedelta(seconds=seconds)
        for opening, end in self.stretches(start):
            begin = max(opening, start)
            if begin + left <= end:
                return begin + left
            left -= end - begin
        raise NoWorkingTime

    def stretches(self, after: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Stretches of work that end after a moment, in order, joined where they touch; those of 400 days."""
        first = after.astimezone(_zone(self.zone)).date() - timedelta(days=2)
        pending: tuple[datetime, datetime] | None = None
        for number in range(SEARCHED_DAYS_MAX + 3):
            for start, end in _day(self, first + timedelta(days=number)):
                if pending is not None and start <= pending[1]:
                    pending = (pending[0], max(pending[1], end))
                    continue
                if pending is not None and pending[1] > after:
                    yield pending
                pending = (start, end)
        if pending is not None and pending[1] > after:
            yield pending

    def spans_of(self, day: date) -> Spans:
        """The spans that begin on a local day."""
        exception = next((spans for on, spans in self.exceptions if on == day), None)
        if exception is not None:
            return exception
        return () if day in self.holidays else self.week[day.weekday()]

    def described(self, at: datetime) -> str:
        """What the calendar says of a moment, for people: `Sun 2026-02-08 03:12 Asia/Shanghai; works 09:00-18:00`."""
        local = at.astimezone(_zone(self.zone))
        if any(absence.start <= at < absence.end for absence in self.absences):
            return f"time off at {NAMES[local.weekday()]} {local:%Y-%m-%d %H:%M} {self.zone}"
        spans = " ".join(map(str, self.spans_of(local.date())))
        works = f"works {spans}" if spans else "a day off"
        return f"{NAMES[local.weekday()]} {local:%Y-%m-%d %H:%M} {self.zone}; {works}"

    def _around(self, at: datetime) -> list[tuple[datetime, datetime]]:
        """The stretches near a moment, joined."""
        today = at.astimezone(_zone(self.zone)).date()
        days = (today + timedelta(days=number) for number in (-2, -1, 0))
        return _joined([stretch for day in days for stretch in _day(self, day)])


def week_of(shifts: Iterable[tuple[Iterable[int], Span]]) -> Week:
    """The week of spans with the weekdays (1 for Monday) on which each begins."""
    days: list[set[Span]] = [set() for _ in range(7)]
    for weekdays, span in shifts:
        for weekday in weekdays:
            days[weekday - 1].add(span)
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        tuple(sorted(spans)) for spans in days
    )
    return (monday, tuesday, wednesday, thursday, friday, saturday, sunday)


def span_of(start: str, end: str) -> Span:
    """The span between two times of day such as 09:00; an end at or before the start lies on the next day.

    Raises `ValueError` for what is no time of day.
    """
    first, last = _minute(start), _minute(end)
    return Span(first, last if last > first else last + DAY_MINUTES)


def known_zone(name: str) -> bool:
    """Whether a time zone is known by that name."""
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _minute(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    if not colon or not (hours + minutes).isascii() or not (hours + minutes).isdecimal():
        raise ValueError(text)
    minute = int(hours) * 60 + int(minutes)
    if len(minutes) != 2 or int(minutes) > 59 or minute > DAY_MINUTES:
        raise ValueError(text)
    return minute


def _clock(minute: int) -> str:
    hours, minutes = divmod(minute if minute <= DAY_MINUTES else minute - DAY_MINUTES, 60)
    return f"{hours:02}:{minutes:02}"


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _horizon(at: datetime) -> datetime:
    """Whatever lasts beyond it lasts for ever, as far as anybody looks."""
    return at + timedelta(days=SEARCHED_DAYS_MAX - 2)


@lru_cache(maxsize=8192)
def _day(calendar: WorkingCalendar, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """The stretches of work that begin on a local day, without absences, joined."""
    zone = _zone(calendar.zone)
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall time, placed below
    stretches = [
        (_instant(midnight, span.start_minute, zone), _instant(midnight, span.end_minute, zone))
        for span in calendar.spans_of(day)
    ]
    return tuple(_without(_joined(stretches), calendar.absences))


def _instant(midnight: datetime, minute: int, zone: ZoneInfo) -> datetime:
    return (midnight + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)


def _joined(stretches: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(stretches):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _without(
    stretches: list[tuple[datetime, datetime]], absences: Sequence[Absence]
) -> Iterator[tuple[datetime, datetime]]:
    for start, end in stretches:
        begin = start
        for absence in sorted(absences):
            if absence.end <= begin or absence.start >= end:
                continue
            if begin < absence.start:
                yield begin, absence.start
            begin = max(begin, absence.end)
        if begin < end:
            yield begin, end
