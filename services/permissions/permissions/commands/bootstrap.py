"""What an installation begins with: the default policy, and the principals, facts and networks of a file.

Only what is missing is added. Nothing is ever changed or removed, so that the file cannot undo what people did later.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import yaml
from accesskit.changes import FactPut, NetworkPut

from permissions.commands import recording
from permissions.commands.facts import check_admissible
from permissions.commands.policies import start_policy
from permissions.domain.audit import Event
from permissions.domain.bootstrap import Foundation, foundation_of
from permissions.domain.facts import FactsToWrite
from permissions.policies import default_policy
from permissions.store import facts, networks, principals

if TYPE_CHECKING:
    from pathlib import Path

    from accesskit.changes import Change
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log

ACTOR = "bootstrap"


class Bootstrap:
    """Lays the foundation before the state is loaded. A part of a service, started before whatever reads the state.

    `file` is YAML with `principals`, `facts` and `networks`; None when there is nothing to add.
    """

    name = "bootstrap"

    def __init__(self, database: Database, file: Path | None) -> None:
        self._database = database
        self._file = file

    async def start(self) -> None:
        """Lays it; raises `BadFoundation`, or what the facts' rules raise, for a file that says what cannot be."""
        await start_policy(self._database, default_policy())
        if self._file is not None:
            text = await asyncio.to_thread(self._file.read_text, "utf-8")
            await lay(self._database, foundation_of(yaml.safe_load(text)))

    async def stop(self) -> None:
        """Nothing: it is done."""

    def problem(self) -> str | None:
        """None: without a foundation the service does not start."""
        return None


async def lay(database: Database, foundation: Foundation) -> None:
    """Adds what is missing of a foundation, in one transaction; done twice it is done once."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        missing = await _missing(uow, foundation)
        if missing.is_empty:
            return
        await check_admissible(uow.raw, FactsToWrite(missing.facts))
        await _record(uow, log, missing)
        await log.finish()


async def _missing(uow: UnitOfWork, foundation: Foundation) -> Foundation:
    known = await principals.of_ids(uow.raw, [put.principal_id for put in foundation.principals])
    stated = await facts.of_keys(uow.raw, [fact.key for fact in foundation.facts])
    trusted = {
        change.cidr for change in await networks.load(uow.raw) if isinstance(change, NetworkPut)
    }
    return Foundation(
        [put for put in foundation.principals if put.principal_id not in known],
        [fact for fact in foundation.facts if fact.key not in stated],
        [put for put in foundation.networks if put.cidr not in trusted],
    )


async def _record(uow: UnitOfWork, log: Log, missing: Foundation) -> None:
    stated = [msgspec.structs.replace(fact, seq=log.next_seq) for fact in missing.facts]
    changes: list[Change] = [*missing.principals, *map(FactPut, stated), *missing.networks]
    seq = log.append(Event("foundation_laid", ACTOR, "platform:permissions", {}, changes))
    await principals.put(uow.raw, missing.principals, seq=seq)
    await facts.put(uow.raw, stated)
    for put in missing.networks:
        await networks.put(uow.raw, put.cidr, put.name)
