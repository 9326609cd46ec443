"""Working time agrees with walking through it minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from assignment.domain.calendars import (
    Absence,
    NoWorkingTime,
    Span,
    WorkingCalendar,
    known_zone,
    span_of,
    week_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

MONDAY = datetime(2026, 2, 9, tzinfo=UTC)
OFFICE = WorkingCalendar(
    week=week_of([((1, 2, 3, 4, 5), Span(540, 720)), ((1, 2, 3, 4, 5), Span(810, 1080))])
)
NEVER = WorkingCalendar(week=week_of([]))

minutes = st.integers(0, 1440)
spans = st.builds(
    lambda start, length: Span(start, start + length), st.integers(0, 1439), st.integers(1, 1440)
)
days = st.integers(0, 9).map(lambda number: date(2026, 2, 5) + timedelta(days=number))
moments = st.integers(0, 6 * 1440).map(lambda minute: MONDAY + timedelta(minutes=minute))
absences = st.builds(
    lambda start, length: Absence(start, start + timedelta(minutes=length)),
    moments,
    st.integers(1, 2000),
)
calendars = st.builds(
    WorkingCalendar,
    zone=st.sampled_from(["Asia/Shanghai", "Asia/Kolkata", "UTC"]),
    week=st.lists(
        st.tuples(st.lists(st.integers(1, 7), min_size=1, max_size=7), spans),
        min_size=1,
        max_size=4,
    ).map(week_of),
    holidays=st.frozensets(days, max_size=3),
    exceptions=st.lists(st.tuples(days, st.lists(spans, max_size=2).map(tuple)), max_size=2).map(
        tuple
    ),
    absences=st.lists(absences, max_size=2).map(tuple),
)


def works(calendar: WorkingCalendar, at: datetime) -> bool:
    """The same said another way: by the wall clock of today and of yesterday."""
    if any(absence.start <= at < absence.end for absence in calendar.absences):
        return False
    local = at.astimezone(ZoneInfo(calendar.zone))
    minute = local.hour * 60 + local.minute
    today, yesterday = local.date(), local.date() - timedelta(days=1)
    return any(s.start_minute <= minute < s.end_minute for s in calendar.spans_of(today)) or any(
        s.start_minute <= minute + 1440 < s.end_minute for s in calendar.spans_of(yesterday)
    )


@given(calendar=calendars, at=moments)
@settings(max_examples=150, deadline=None)
def test_somebody_is_on_duty_when_the_wall_clock_says_so(
    calendar: WorkingCalendar, at: datetime
) -> None:
    assert calendar.is_on_duty(at) == works(calendar, at)


@given(calendar=calendars, start=moments, worked=st.integers(1, 900))
@settings(max_examples=80, deadline=None)
def test_working_time_passes_as_if_one_walked_through_it_minute_by_minute(
    calendar: WorkingCalendar, start: datetime, worked: int
) -> None:
    at, left = start, worked
    for _ in range(12 * 1440):
        left -= works(calendar, at)
        at += timedelta(minutes=1)
        if not left:
            break

    if not left:
        assert calendar.working_time_after(start, worked * 60) == at


@given(calendar=calendars, at=moments)
@settings(max_examples=80, deadline=None)
def test_duty_changes_at_its_next_change_and_not_before(
    calendar: WorkingCalendar, at: datetime
) -> None:
    change = calendar.next_change(at)

    until = change or at + timedelta(days=9)
    minute = at
    while minute < min(until, at + timedelta(days=9)):
        assert calendar.is_on_duty(minute) == calendar.is_on_duty(at)
        minute += timedelta(minutes=7)
    if change is not None:
        assert change > at
        assert calendar.is_on_duty(change) != calendar.is_on_duty(at)
        assert calendar.lasts_on_duty(at, change - timedelta(minutes=1)) or not works(calendar, at)
        assert not calendar.lasts_on_duty(at, change) or not works(calendar, at)


def test_fifteen_minutes_before_the_weekend_end_on_monday_morning() -> None:
    friday = datetime(2026, 2, 13, 17, 50, tzinfo=ZoneInfo("Asia/Shanghai"))

    due = OFFICE.working_time_after(friday, 15 * 60)

    assert due.astimezone(ZoneInfo("Asia/Shanghai")).isoformat() == "2026-02-16T09:05:00+08:00"


def test_a_holiday_is_skipped_and_a_make_up_sunday_is_worked() -> None:
    calendar = WorkingCalendar(
        week=OFFICE.week,
        holidays=frozenset({date(2026, 2, 16)}),
        exceptions=((date(2026, 2, 15), (Span(540, 600),)),),
    )
    friday = datetime(2026, 2, 13, 17, 50, tzinfo=ZoneInfo("Asia/Shanghai"))

    sunday = calendar.working_time_after(friday, 15 * 60)
    tuesday = calendar.working_time_after(friday, (10 + 60 + 5) * 60)

    assert sunday.astimezone(ZoneInfo("Asia/Shanghai")).isoformat() == "2026-02-15T09:05:00+08:00"
    assert tuesday.astimezone(ZoneInfo("Asia/Shanghai")).isoformat() == "2026-02-17T09:05:00+08:00"


def test_a_span_that_is_used_up_ends_there() -> None:
    noon = datetime(2026, 2, 9, 11, 45, tzinfo=ZoneInfo("Asia/Shanghai"))

    assert OFFICE.working_time_after(noon, 900) == noon + timedelta(minutes=15)


def test_an_hour_that_the_clocks_leave_out_is_no_working_time() -> None:
    night = WorkingCalendar(
        zone="America/New_York", week=week_of([((7,), span_of("22:00", "06:00"))])
    )
    saturday = WorkingCalendar(
        zone="America/New_York", week=week_of([((6,), span_of("22:00", "06:00"))])
    )
    before = datetime(2026, 3, 7, 22, 0, tzinfo=ZoneInfo("America/New_York"))

    seven_hours = saturday.working_time_after(before, 7 * 3600)

    assert seven_hours == datetime(2026, 3, 8, 10, 0, tzinfo=UTC)
    assert night.is_on_duty(datetime(2026, 3, 9, 9, 0, tzinfo=UTC))


def test_a_calendar_without_work_says_so() -> None:
    assert NEVER.next_change(MONDAY) is None
    with pytest.raises(NoWorkingTime):
        NEVER.working_time_after(MONDAY, 1)


def test_whoever_always_works_is_always_on_duty() -> None:
    always = WorkingCalendar()

    assert always.is_on_duty(MONDAY)
    assert always.next_change(MONDAY) is None
    assert always.lasts_on_duty(MONDAY - timedelta(days=20_000), MONDAY)
    assert always.working_time_after(MONDAY, 90) == MONDAY + timedelta(seconds=90)


@pytest.mark.parametrize(("start", "end"), [("9", "10:00"), ("25:00", "26:00"), ("09:60", "10:00")])
def test_what_is_no_time_of_day_is_refused(start: str, end: str) -> None:
    with pytest.raises(ValueError, match=start):
        span_of(start, end)


def test_a_span_is_written_as_it_was_read() -> None:
    written = [
        str(span_of(*text.split("-"))) for text in ("09:00-12:30", "22:00-06:00", "00:00-24:00")
    ]

    assert written == ["09:00-12:30", "22:00-06:00", "00:00-24:00"]
    assert (known_zone("Asia/Shanghai"), known_zone("Mars/Olympus"), known_zone("../etc")) == (
        True,
        False,
        False,
    )
