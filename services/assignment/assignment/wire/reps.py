"""Reps, their calendars and their loads, as they travel."""

from __future__ import annotations

from datetime import UTC, date
from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1 import assignment_service_pb2 as pb

from assignment.domain.calendars import (
    USUAL_ZONE,
    Absence,
    Span,
    UnusableCalendar,
    WorkingCalendar,
    known_zone,
    span_of,
    week_of,
)
from assignment.domain.leads import RepId
from assignment.domain.rep_imports import RepPatch, check_columns
from assignment.domain.reps import NAME_LENGTH_MAX, SHIFTS_MAX, Rep, RepLoad, Shift, UnusableRep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from assignment.domain.calendars import Spans, Week
    from assignment.domain.gaps import Gap
    from assignment.domain.rep_imports import RepImport

CALENDARS_MAX = 1000
DAYS_MAX = 2000
_FIELD_OF = {"absences": "time_off"}
_COLUMN_OF = {field: column for column, field in _FIELD_OF.items()}


def reps(request: pb.PutRepsRequest) -> list[Rep]:
    """The reps that a caller describes; raises `UnusableRep` for hours that are none."""
    return [_rep(rep) for rep in request.reps]


def patches(request: pb.ImportRepsRequest) -> list[RepPatch]:
    """What an import changes of each rep; raises `UnknownColumn` and `UnusableRep`."""
    columns = [_COLUMN_OF.get(column, column) for column in request.columns]
    check_columns(columns)
    return [_patch(rep, columns, clears_empty=request.clears_empty) for rep in request.reps]


def calendars(request: pb.PutCalendarsRequest) -> dict[str, WorkingCalendar]:
    """The calendars that a caller describes, by name; raises `UnusableCalendar`."""
    if len(request.calendars) > CALENDARS_MAX:
        raise UnusableCalendar("", f"more than {CALENDARS_MAX} in one request")
    return {each.name: _calendar(each) for each in request.calendars}


def put_reps_response(
    *, changed_count: int, drained_count: int, gaps: Iterable[Gap] = ()
) -> pb.PutRepsResponse:
    """What the description changed, and what the reps still lack."""
    return pb.PutRepsResponse(
        changed_count=changed_count, drained_count=drained_count, gaps=_gaps(gaps)
    )


def import_reps_response(
    done: RepImport, *, drained_count: int, gaps: Iterable[Gap]
) -> pb.ImportRepsResponse:
    """What an import changes."""
    return pb.ImportRepsResponse(
        changes=[
            pb.RepFieldChange(
                rep_id=change.rep_id,
                column=_FIELD_OF.get(change.column, change.column),
                before=change.before,
                after=change.after,
            )
            for change in done.changes
        ],
        created_count=done.created_count,
        changed_count=len(done.reps) - done.created_count,
        drained_count=drained_count,
        gaps=_gaps(gaps),
    )


def check_reps_response(gaps: Iterable[Gap], *, rep_count: int) -> pb.CheckRepsResponse:
    """What reps lack."""
    return pb.CheckRepsResponse(gaps=_gaps(gaps), rep_count=rep_count)


def list_reps_response(loads: Iterable[RepLoad]) -> pb.ListRepsResponse:
    """Every rep with what they have to do."""
    return pb.ListRepsResponse(reps=[_rep_load(load) for load in loads])


def list_calendars_response(known: Mapping[str, WorkingCalendar]) -> pb.ListCalendarsResponse:
    """Every calendar, by name."""
    return pb.ListCalendarsResponse(
        calendars=[_calendar_pb(name, calendar) for name, calendar in sorted(known.items())]
    )


def presence_response(seen_at: datetime) -> pb.ReportRepPresenceResponse:
    """When a rep was last seen."""
    response = pb.ReportRepPresenceResponse()
    response.seen_at.FromDatetime(seen_at)
    return response


def _gaps(gaps: Iterable[Gap]) -> list[pb.RepGap]:
    return [
        pb.RepGap(
            rep_id=gap.rep_id,
            attribute=_FIELD_OF.get(gap.attribute, gap.attribute),
            rule_ids=gap.rule_ids,
        )
        for gap in gaps
    ]


def _rep(rep: pb.Rep) -> Rep:
    try:
        shifts = tuple(_shift(shift) for shift in rep.shifts)
    except ValueError:
        raise UnusableRep(rep.rep_id[:NAME_LENGTH_MAX], "a shift is no time of a week") from None
    return Rep(
        rep_id=RepId(rep.rep_id),
        manager_id=rep.manager_id,
        provinces=frozenset(rep.provinces),
        cities=frozenset(rep.cities),
        industries=frozenset(rep.industries),
        capacity=rep.capacity,
        weight=rep.weight or 1,
        active=rep.active,
        skills=frozenset(rep.skills),
        calendar=rep.calendar,
        shifts=shifts,
        absences=tuple(
            sorted(
                Absence(each.start.ToDatetime(tzinfo=UTC), each.end.ToDatetime(tzinfo=UTC))
                for each in rep.time_off
            )
        ),
        inactive_because=rep.inactive_because,
    )


def _patch(rep: pb.Rep, columns: Sequence[str], *, clears_empty: bool) -> RepPatch:
    described = _rep(rep)
    values: dict[str, Any] = {}
    for column in columns:
        is_said = column == "active" or bool(getattr(rep, _FIELD_OF.get(column, column)))
        if is_said or clears_empty:
            values[column] = getattr(described, column)
    return RepPatch(described.rep_id, values)


def _shift(shift: pb.Shift) -> Shift:
    """A shift of a week; raises `ValueError`."""
    weekdays = tuple(sorted(set(shift.weekdays)))
    if not weekdays or not 1 <= weekdays[0] <= weekdays[-1] <= 7:
        raise ValueError(weekdays)
    return Shift(weekdays, span_of(shift.start, shift.end))


def _calendar(calendar: pb.Calendar) -> WorkingCalendar:
    name = calendar.name
    if not name.strip() or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise UnusableCalendar(name[:NAME_LENGTH_MAX], "the name is empty, or too long")
    zone = calendar.zone or USUAL_ZONE
    if not known_zone(zone):
        raise UnusableCalendar(name, f"there is no time zone {zone[:64]}")
    if len(calendar.shifts) > SHIFTS_MAX or not calendar.shifts:
        raise UnusableCalendar(name, f"1 to {SHIFTS_MAX} shifts are needed")
    if len(calendar.holidays) + len(calendar.working_days) > DAYS_MAX:
        raise UnusableCalendar(name, f"more than {DAYS_MAX} days")
    try:
        shifts = [_shift(shift) for shift in calendar.shifts]
        week = week_of((shift.weekdays, shift.span) for shift in shifts)
        return WorkingCalendar(
            zone=zone,
            week=week,
            holidays=frozenset(map(date.fromisoformat, calendar.holidays)),
            exceptions=_exceptions(calendar, week),
        )
    except ValueError as error:
        raise UnusableCalendar(name, f"a day or a time is none: {str(error)[:80]}") from None


def _exceptions(calendar: pb.Calendar, week: Week) -> tuple[tuple[date, Spans], ...]:
    """Days with hours of their own; without any, those of the first day of the week that is worked."""
    usual = next(spans for spans in week if spans)
    return tuple(
        sorted(
            (
                date.fromisoformat(day.date),
                tuple(sorted(span_of(shift.start, shift.end) for shift in day.shifts)) or usual,
            )
            for day in calendar.working_days
        )
    )


def _calendar_pb(name: str, calendar: WorkingCalendar) -> pb.Calendar:
    days: dict[Span, list[int]] = {}
    for number, spans in enumerate(calendar.week, start=1):
        for span in spans:
            days.setdefault(span, []).append(number)
    return pb.Calendar(
        name=name,
        zone=calendar.zone,
        shifts=[_shift_pb(weekdays, span) for span, weekdays in days.items()],
        holidays=sorted(day.isoformat() for day in calendar.holidays),
        working_days=[
            pb.WorkingDay(date=day.isoformat(), shifts=[_shift_pb((), span) for span in spans])
            for day, spans in calendar.exceptions
        ],
    )


def _shift_pb(weekdays: Iterable[int], span: Span) -> pb.Shift:
    start, _, end = str(span).partition("-")
    return pb.Shift(weekdays=weekdays, start=start, end=end)


def _rep_load(load: RepLoad) -> pb.RepLoad:
    rep = load.rep
    message = pb.Rep(
        rep_id=rep.rep_id,
        manager_id=rep.manager_id,
        provinces=sorted(rep.provinces),
        cities=sorted(rep.cities),
        industries=sorted(rep.industries),
        capacity=rep.capacity,
        weight=rep.weight,
        active=rep.active,
        skills=sorted(rep.skills),
        calendar=rep.calendar,
        shifts=[_shift_pb(shift.weekdays, shift.span) for shift in rep.shifts],
        inactive_because=rep.inactive_because,
    )
    for absence in rep.absences:
        time_off = message.time_off.add()
        time_off.start.FromDatetime(absence.start)
        time_off.end.FromDatetime(absence.end)
    answer = pb.RepLoad(
        rep=message,
        open_count=load.open_count,
        assigned_count=load.assigned_count,
        is_on_duty=load.is_on_duty,
        is_away=load.is_away,
    )
    if load.seen_at is not None:
        answer.seen_at.FromDatetime(load.seen_at)
    return answer
