"""Comings and goings: by the calendars, and by signs of presence.

Whoever was not there for a while has fewer turns than the others, and would be given every lead until level. So those
who come back join their rotations anew, in the transaction that lets them be chosen again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from servicekit.errors import NotFound

from assignment.domain.presence import AWAY_S
from assignment.store import boards as board_store
from assignment.store import reps as rep_store

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.leads import RepId

log = structlog.get_logger()


class UnknownRep(NotFound):
    """Nobody has described the rep."""

    def __init__(self, rep_id: str) -> None:
        super().__init__(f"there is no rep {rep_id[:64]}")


async def note_duty(uow: UnitOfWork, desk: Desk) -> int:
    """Lets those who have come on duty since it was last noted take leads; returns how many there were.

    Any number of replicas may try: the one whose mark still stands does it.
    """
    router, _ = await desk.router(uow.raw, now=uow.now)
    arrived = router.duty.arrived
    if not arrived:
        return 0
    seen = await rep_store.roster_mark(uow.raw)
    await board_store.lock_loads(uow.raw, arrived)
    mark = await rep_store.lock_mark(uow.raw)
    if (mark.version, mark.duty_at) != (seen.version, seen.duty_at):
        return 0
    await board_store.leave_rotations(uow.raw, arrived)
    await rep_store.note_duty(uow.raw, uow.now, opens_up=True)
    log.info("reps_on_duty", arrived=len(arrived))
    return len(arrived)


async def report_presence(uow: UnitOfWork, desk: Desk, rep_id: RepId, *, is_away: bool) -> None:
    """Takes note of a sign of a rep, or that they go away for a while; raises `UnknownRep`."""
    router, _ = await desk.router(uow.raw, now=uow.now)
    before = await board_store.lock_presence(uow.raw, rep_id, uow.now)
    if before is None:
        raise UnknownRep(rep_id)
    limits = [rule.seen_within_s for rule in router.rules.rules if rule.seen_within_s is not None]
    was_missing = before.unseen_s == AWAY_S or (limits and before.unseen_s > min(limits))
    await board_store.keep_presence(uow.raw, rep_id, uow.now, is_away=is_away)
    if was_missing and not is_away:
        await board_store.leave_rotations(uow.raw, [rep_id])
        await rep_store.open_up(uow.raw)
