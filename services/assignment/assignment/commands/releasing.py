"""Taking leads from their owners, who may have room for others then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.leads import Owned
from assignment.domain.routing import release
from assignment.store import boards as board_store
from assignment.store import reps as rep_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import UnitOfWork

    from assignment.domain.candidates import Router
    from assignment.domain.leads import RepId, StoredLead


async def give_back(uow: UnitOfWork, router: Router, closed: Sequence[StoredLead]) -> None:
    """Takes locked leads from their owners; whoever has room again, waiting leads are tried."""
    owners = [owner for each in closed if (owner := owner_of(each)) is not None]
    if not owners:
        return
    board = await board_store.lock_board(uow.raw, [], now=uow.now, owners=owners)
    made_room = [release(router, board, owner) for owner in owners]
    await board_store.save_board(uow.raw, board, now=uow.now)
    if any(made_room):
        await rep_store.open_up(uow.raw)


def owner_of(stored: StoredLead) -> RepId | None:
    """Who must act on a lead now."""
    return stored.standing.assignee_id if isinstance(stored.standing, Owned) else None
