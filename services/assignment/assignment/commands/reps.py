"""Changes of the roster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from assignment.domain.reps import check_reps, roster_change
from assignment.store import reps as rep_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import UnitOfWork

    from assignment.domain.leads import RepId
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
        await rep_store.leave_rotations(uow.raw, change.rejoining)
        log.info("reps_changed", changed=len(change.changed), rejoining=len(change.rejoining))
    return len(change.changed)


async def retire_reps(uow: UnitOfWork, rep_ids: Sequence[RepId]) -> int:
    """Gives those of these reps who are active no further leads; returns how many there were."""
    if not rep_ids:
        return 0
    known = await rep_store.lock_roster(uow.raw, rep_ids)
    active = [known[rep_id] for rep_id in rep_ids if rep_id in known and known[rep_id].active]
    if active:
        await rep_store.put_reps(uow.raw, [replace(rep, active=False) for rep in active])
        log.info("reps_retired", retired=len(active))
    return len(active)


async def open_up(uow: UnitOfWork) -> None:
    """Lets every waiting lead be tried again, as after a start with other rules."""
    await rep_store.open_up(uow.raw)
