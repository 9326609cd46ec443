"""Who can be a subject, and from which epoch on their tokens count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.domain.principals import checked, news_in, with_next_epoch
from permissions.store import principals

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import asyncpg
    from accesskit.changes import PrincipalPut
    from servicekit.database import Database

    from permissions.commands.recording import Recorded


async def put_principals(
    database: Database, wanted: Sequence[PrincipalPut], *, actor: str
) -> Recorded:
    """States who principals are; those that are so already change nothing.

    An epoch of 0 leaves it as it is. Whoever stops being active gets the next epoch, so that no token from before
    counts again when they come back. Raises `EpochGoesBack`, `TypeChanges` and what `checked` raises.
    """
    checked(wanted)
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        known = await principals.of_ids(uow.raw, [put.principal_id for put in wanted])
        news = news_in(wanted, known)
        if news:
            seq = log.append(Event(action="principals_put", actor=actor, changes=news))
            await principals.put(uow.raw, news, seq=seq)
        return await log.finish()


async def next_epochs(raw: asyncpg.Connection, ids: Collection[str]) -> list[PrincipalPut]:
    """The known ones of these principals with their next epoch, which makes their tokens be issued anew."""
    known = await principals.of_ids(raw, ids)
    return [with_next_epoch(known[id_]) for id_ in sorted(known)]
