"""Reps and their calendars at every version of the roster, and the one row that says what is in force."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from assignment.domain.calendars import Absence, Span, WorkingCalendar, week_of
from assignment.domain.reps import Rep, RepLoad, Roster, Shift

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import asyncpg

    from assignment.domain.calendars import Spans, Week
    from assignment.domain.leads import RepId

_MARK = "select version, openings, rules_version, duty_at from roster"
_LOCK_ROSTER = f"{_MARK} for update"
_OPEN_UP = "update roster set openings = openings + 1"
_NEXT_VERSION = "update roster set version = version + 1, openings = openings + 1 returning version"
_NOTE_DUTY = "update roster set duty_at = $1, openings = openings + $2"
_REP_COLUMNS = """
rep_id, manager_id, provinces, cities, industries, capacity, weight, active, skills, calendar, shifts, absences,
inactive_because
"""
_REPS_AT = f"""
select {_REP_COLUMNS} from reps where since_version <= $1 and (until_version is null or until_version > $1)
"""
_CALENDARS_AT = """
select name, document from calendars where since_version <= $1 and (until_version is null or until_version > $1)
"""
_CURRENT = f"select {_REP_COLUMNS} from reps where until_version is null"
_LOADED = f"""
select {_REP_COLUMNS}, open_count, assigned_count, seen_at, is_away from reps join loads using (rep_id)
where until_version is null order by rep_id collate "C"
"""
_LOCK_LOADS = "select from loads where rep_id = any($1::text[]) order by rep_id for update"
_END_REPS = (
    "update reps set until_version = $2 where rep_id = any($1::text[]) and until_version is null"
)
# Names hold no line breaks (they are one place or industry each), so a list of them fits one text.
_ADD_REPS = """
insert into reps (rep_id, manager_id, provinces, cities, industries, capacity, weight, active, skills, calendar, shifts,
  absences, inactive_because, since_version)
select rep_id, manager_id, string_to_array(provinces, e'\\n'), string_to_array(cities, e'\\n'),
  string_to_array(industries, e'\\n'), capacity, weight, active, string_to_array(skills, e'\\n'), calendar,
  shifts::jsonb, absences::jsonb, inactive_because, $14
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int4[], $7::int4[], $8::bool[], $9::text[],
  $10::text[], $11::text[], $12::text[], $13::text[])
  as t (rep_id, manager_id, provinces, cities, industries, capacity, weight, active, skills, calendar, shifts, absences,
    inactive_because)
"""
_ADD_LOADS = """
insert into loads (rep_id, open_count, assigned_count)
select rep_id, 0, 0 from unnest($1::text[]) as rep_id order by rep_id on conflict do nothing
"""
_END_CALENDARS = (
    "update calendars set until_version = $2 where name = any($1::text[]) and until_version is null"
)
_ADD_CALENDARS = """
insert into calendars (name, document, since_version)
select name, document::jsonb, $3 from unnest($1::text[], $2::text[]) as t (name, document)
"""


class Mark(NamedTuple):
    """What is in force: versions of roster and rules, how often something opened up, until when duty was noted."""

    version: int
    openings: int
    rules_version: int
    duty_at: datetime


async def roster_mark(raw: asyncpg.Connection) -> Mark:
    """What is in force."""
    return Mark(*await raw.fetchrow(_MARK))


async def lock_mark(raw: asyncpg.Connection) -> Mark:
    """What is in force, which nobody else changes until the transaction ends; loads are locked before it."""
    return Mark(*await raw.fetchrow(_LOCK_ROSTER))


async def open_up(raw: asyncpg.Connection) -> None:
    """Takes note that leads which wait may find an owner now."""
    await raw.execute(_OPEN_UP)


async def note_duty(raw: asyncpg.Connection, duty_at: datetime, *, opens_up: bool) -> None:
    """Takes note of who has come and gone until a moment, under the lock of the mark."""
    await raw.execute(_NOTE_DUTY, duty_at, int(opens_up))


async def roster_at(raw: asyncpg.Connection, version: int) -> Roster:
    """The roster as it was at a version."""
    calendars = {row["name"]: _calendar(row) for row in await raw.fetch(_CALENDARS_AT, version)}
    return Roster.of(version, [_rep(row) for row in await raw.fetch(_REPS_AT, version)], calendars)


async def list_loads(raw: asyncpg.Connection) -> list[RepLoad]:
    """Every rep with what they have to do, by rep id; whether they are on duty is not told here."""
    return [
        RepLoad(_rep(row), row["open_count"], row["assigned_count"], row["seen_at"], row["is_away"])
        for row in await raw.fetch(_LOADED)
    ]


async def lock_roster(raw: asyncpg.Connection, described: Sequence[RepId]) -> dict[RepId, Rep]:
    """The reps of today, which nobody else changes until the transaction ends; holds the loads of those described."""
    await raw.fetch(_LOCK_LOADS, described)
    await raw.execute(_LOCK_ROSTER)
    return {row["rep_id"]: _rep(row) for row in await raw.fetch(_CURRENT)}


async def put_reps(raw: asyncpg.Connection, reps: Sequence[Rep]) -> None:
    """Writes reps that are new or have changed as the next version of a locked roster."""
    version = await raw.fetchval(_NEXT_VERSION)
    rep_ids = [rep.rep_id for rep in reps]
    await raw.execute(_END_REPS, rep_ids, version)
    await raw.execute(
        _ADD_REPS,
        rep_ids,
        [rep.manager_id for rep in reps],
        [_lines(rep.provinces) for rep in reps],
        [_lines(rep.cities) for rep in reps],
        [_lines(rep.industries) for rep in reps],
        [rep.capacity for rep in reps],
        [rep.weight for rep in reps],
        [rep.active for rep in reps],
        [_lines(rep.skills) for rep in reps],
        [rep.calendar for rep in reps],
        [json.dumps([_shift_json(shift) for shift in rep.shifts]) for rep in reps],
        [json.dumps([_absence_json(each) for each in rep.absences]) for rep in reps],
        [rep.inactive_because for rep in reps],
        version,
    )
    await raw.execute(_ADD_LOADS, rep_ids)


async def current_calendars(raw: asyncpg.Connection, version: int) -> dict[str, WorkingCalendar]:
    """The calendars at a version of the roster, by name."""
    return {row["name"]: _calendar(row) for row in await raw.fetch(_CALENDARS_AT, version)}


async def put_calendars(raw: asyncpg.Connection, calendars: Mapping[str, WorkingCalendar]) -> None:
    """Writes calendars that are new or have changed as the next version of a locked roster."""
    version = await raw.fetchval(_NEXT_VERSION)
    await raw.execute(_END_CALENDARS, list(calendars), version)
    documents = [json.dumps(_calendar_json(calendar)) for calendar in calendars.values()]
    await raw.execute(_ADD_CALENDARS, list(calendars), documents, version)


def _lines(names: frozenset[str]) -> str:
    return "\n".join(sorted(names))


def _rep(row: Any) -> Rep:
    return Rep(
        rep_id=row["rep_id"],
        manager_id=row["manager_id"],
        provinces=frozenset(row["provinces"]),
        cities=frozenset(row["cities"]),
        industries=frozenset(row["industries"]),
        capacity=row["capacity"],
        weight=row["weight"],
        active=row["active"],
        skills=frozenset(row["skills"]),
        calendar=row["calendar"],
        shifts=tuple(Shift(tuple(days), Span(*span)) for days, *span in _loaded(row["shifts"])),
        absences=tuple(
            Absence(datetime.fromisoformat(start), datetime.fromisoformat(end))
            for start, end in _loaded(row["absences"])
        ),
        inactive_because=row["inactive_because"],
    )


def _loaded(text: str) -> Any:
    return () if text == "[]" else json.loads(text)


def _shift_json(shift: Shift) -> list[Any]:
    return [shift.weekdays, shift.span.start_minute, shift.span.end_minute]


def _absence_json(absence: Absence) -> list[str]:
    return [absence.start.isoformat(), absence.end.isoformat()]


def _calendar(row: Any) -> WorkingCalendar:
    document = json.loads(row["document"])
    return WorkingCalendar(
        zone=document["zone"],
        week=_week(document["week"]),
        holidays=frozenset(map(date.fromisoformat, document["holidays"])),
        exceptions=tuple(
            (date.fromisoformat(day), _spans(spans)) for day, spans in document["exceptions"]
        ),
    )


def _calendar_json(calendar: WorkingCalendar) -> dict[str, Any]:
    return {
        "zone": calendar.zone,
        "week": [[_span_json(span) for span in spans] for spans in calendar.week],
        "holidays": sorted(day.isoformat() for day in calendar.holidays),
        "exceptions": [
            [day.isoformat(), [_span_json(span) for span in spans]]
            for day, spans in calendar.exceptions
        ],
    }


def _span_json(span: Span) -> list[int]:
    return [span.start_minute, span.end_minute]


def _spans(spans: Iterable[Sequence[int]]) -> Spans:
    return tuple(Span(start, end) for start, end in spans)


def _week(days: Sequence[Iterable[Sequence[int]]]) -> Week:
    return week_of(
        ((number,), span) for number, spans in enumerate(days, start=1) for span in _spans(spans)
    )
