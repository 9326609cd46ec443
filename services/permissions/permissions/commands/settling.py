"""Deciding on the newest state: what the engine knows is compared with the log while the log's end is held.

The engine follows the log from outside a transaction and may be a moment behind. Whatever moved in that moment and
matters to the question sends the caller back for another look; what does not matter, such as other resources' leases,
does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from accesskit.changes import LeasePut
from servicekit.errors import ServiceError, Unavailable

from permissions.commands import recording
from permissions.queries.live import changes_of
from permissions.store import audit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    from accesskit.changes import Change
    from accesskit.decisions import Question
    from servicekit.database import Database, UnitOfWork

    from permissions.queries.live import Live

T = TypeVar("T")
ATTEMPTS = 4
UNSEEN_MAX = 100


class StateMoved(Unavailable):
    """What the decision rests on changed at this very moment; the same request may succeed at once."""

    def __init__(self) -> None:
        super().__init__("the state has just changed", retry_after_s=0.05)


async def settled(
    database: Database,
    live: Live,
    work: Callable[[UnitOfWork, recording.Log], Awaitable[T | ServiceError]],
) -> T:
    """Runs `work` in a transaction that holds the end of the log, again when the state moved.

    A `ServiceError` that `work` returns is raised after the commit: a refusal that is itself recorded. One that it
    raises undoes everything.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await _once(database, live, work)
        except StateMoved:
            continue
    return await _once(database, live, work)


async def check_settled(raw: asyncpg.Connection, live: Live, question: Question) -> None:
    """Raises `StateMoved` when the engine lacks something that could matter to the question.

    The end of the log must be held, so that nothing moves after this.
    """
    unseen = await audit.changing_entries_after(raw, live.engine.revision, limit=UNSEEN_MAX)
    changes = [change for entry in unseen for change in changes_of(entry)]
    if len(unseen) == UNSEEN_MAX or any(_matters(change, question) for change in changes):
        raise StateMoved


async def _once(
    database: Database,
    live: Live,
    work: Callable[[UnitOfWork, recording.Log], Awaitable[T | ServiceError]],
) -> T:
    await live.catch_up()
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow, field_keys=live.field_keys)
        outcome = await work(uow, log)
        await log.finish()
    if isinstance(outcome, ServiceError):
        raise outcome
    return outcome


def _matters(change: Change, question: Question) -> bool:
    if not isinstance(change, LeasePut):
        return True
    # A resource of another type may be about the one whose lease changed.
    return (
        change.resource_type != question.resource_type or change.resource_id == question.resource_id
    )
