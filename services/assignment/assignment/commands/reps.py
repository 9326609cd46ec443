"""Changes of the roster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from assignment.domain.rep_imports import rep_import
from assignment.domain.reps import LEFT, check_reps, roster_change
from assignment.store import boards as board_store
from assignment.store import reps as rep_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import UnitOfWork

    from assignment.domain.calendars import WorkingCalendar
    from assignment.domain.leads import RepId
    from assignment.domain.rep_imports import RepImport, RepPatch
    from assignment.domain.reps import Rep

log = structlog.get_logger()


async def put_reps(uow: UnitOfWork, reps: Sequence[Rep]) -> int:
    """Creates or changes reps; returns how many differ from what was known.

    Raises `UnusableRep` or `TooManyReps` before anything is written.
    """
    check_reps(reps)
    known = await rep_store.lock_roster(uow.raw, [rep.rep_id for rep in reps])
    change = roster_change(known, reps)
    if change.changed:
        await rep_store.put_reps(uow.raw, change.changed)
        await board_store.leave_rotations(uow.raw, change.rejoining)
        log.info("reps_changed", changed=len(change.changed), rejoining=len(change.rejoining))
    return len(change.changed)


async def retire_reps(uow: UnitOfWork, rep_ids: Sequence[RepId], *, reason: str = LEFT) -> int:
    """Gives those of these reps who are active no further leads; returns how many there were."""
    if not rep_ids:
        return 0
    known = await rep_store.lock_roster(uow.raw, rep_ids)
    active = [known[rep_id] for rep_id in rep_ids if rep_id in known and known[rep_id].active]
    if active:
        await rep_store.put_reps(
            uow.raw, [replace(rep, active=False, inactive_because=reason) for rep in active]
        )
        log.info("reps_retired", retired=len(active))
    return len(active)


async def import_reps(
    uow: UnitOfWork, patches: Sequence[RepPatch], *, is_dry_run: bool
) -> RepImport:
    """Changes some attributes of many reps (AS-07), or says what would change.

    Raises `UnusableRep` or `TooManyReps` before anything is written.
    """
    known = await rep_store.lock_roster(uow.raw, sorted(patch.rep_id for patch in patches))
    done = rep_import(known, patches)
    check_reps(done.reps)
    if done.reps and not is_dry_run:
        await put_reps(uow, done.reps)
    return done


async def put_calendars(uow: UnitOfWork, calendars: Mapping[str, WorkingCalendar]) -> int:
    """Creates or changes calendars; returns how many differ from what was known.

    Whoever works by one that changes joins their rotations anew.
    """
    await board_store.lock_every_load(uow.raw)
    mark = await rep_store.lock_mark(uow.raw)
    roster = await rep_store.roster_at(uow.raw, mark.version)
    known = roster.calendars
    changed = {name: each for name, each in calendars.items() if known.get(name) != each}
    if changed:
        await rep_store.put_calendars(uow.raw, changed)
        users = [rep.rep_id for rep in roster.reps if rep.calendar in changed]
        await board_store.leave_rotations(uow.raw, users)
        log.info("calendars_changed", changed=len(changed))
    return len(changed)


async def open_up(uow: UnitOfWork) -> None:
    """Lets every waiting lead be tried again, as after a start with other rules."""
    await rep_store.open_up(uow.raw)
