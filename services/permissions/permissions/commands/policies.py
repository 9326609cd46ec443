"""How a version of the policy comes to decide."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from accesskit.changes import PolicyPut
from accesskit.policy import Policy

from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.domain.policies import Stage, Version
from permissions.policies import default_policy
from permissions.store import policies

if TYPE_CHECKING:
    import asyncpg
    from servicekit.database import Database

FIRST_START = "first start"


async def start_policy(database: Database) -> None:
    """Makes the default policy version 1 and live, where there is no policy at all; done twice it is done once."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        if await policies.last_number(uow.raw):
            return
        document = default_policy()
        parsed(document, 1)
        event = Event(
            action="policy_published",
            actor=FIRST_START,
            resource="policy:1",
            changes=[PolicyPut(1, document, "live")],
        )
        seq = log.append(event)
        await policies.add(uow.raw, Version(1, document, Stage.LIVE, FIRST_START, uow.now, seq))
        await log.finish()


async def live_policy(raw: asyncpg.Connection) -> Policy:
    """The policy that decides, as the tables have it; the state in memory may be a moment older."""
    version = await policies.live(raw)
    if version is None:
        return parsed(default_policy(), 0)
    return parsed(version.document, version.number)


@lru_cache(maxsize=8)
def parsed(document: str, number: int) -> Policy:
    """The policy that a document states; raises `PolicyInvalid`."""
    return Policy.parse(document, version=number)
