"""Who can take leads, when they work, and what their records lack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from assignment.domain.gaps import gaps
from assignment.store import reps as rep_store

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from servicekit.database import Database

    from assignment.commands.desk import Desk
    from assignment.domain.calendars import WorkingCalendar
    from assignment.domain.gaps import Gap
    from assignment.domain.leads import RepId
    from assignment.domain.reps import RepLoad, Roster


async def list_reps(database: Database, *, now: datetime | None = None) -> list[RepLoad]:
    """Every rep with what they have to do, by rep id; on duty or not at `now`, where that is given."""
    async with database.raw() as raw:
        loads = await rep_store.list_loads(raw)
        if now is None:
            return loads
        roster = await rep_store.roster_at(raw, (await rep_store.roster_mark(raw)).version)
    return [replace(load, is_on_duty=_is_on_duty(roster, load, now)) for load in loads]


async def list_calendars(database: Database) -> dict[str, WorkingCalendar]:
    """Every calendar, by name."""
    async with database.raw() as raw:
        version = (await rep_store.roster_mark(raw)).version
        return await rep_store.current_calendars(raw, version)


async def gaps_in_force(
    database: Database, desk: Desk, rep_ids: Collection[RepId] | None = None
) -> tuple[list[Gap], int]:
    """What reps' records lack of what rules in force ask for, and how many reps there are."""
    async with database.raw() as raw:
        mark = await rep_store.roster_mark(raw)
        rules = await desk.rules_at(raw, mark.rules_version)
        roster = await rep_store.roster_at(raw, mark.version)
    return gaps(rules, roster, rep_ids), len(roster.reps)


def _is_on_duty(roster: Roster, load: RepLoad, now: datetime) -> bool:
    calendar = roster.calendar_of(load.rep)
    return calendar is None or calendar.is_on_duty(now)
