"""What can be asked of offboardings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from permissions.domain.offboarding import UnknownOffboarding, is_late
from permissions.queries.facts import confirmations
from permissions.store import offboarding as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from servicekit.database import Database

    from permissions.domain.facts import ReplicaState
    from permissions.domain.offboarding import Offboarding


@dataclass(frozen=True, slots=True)
class Shown:
    """An offboarding, what each process that decides by itself said of it, and whether that is an alarm."""

    offboarding: Offboarding
    replicas: Sequence[ReplicaState]
    is_late: bool


async def get_offboarding(database: Database, request_id: str, *, now: datetime) -> Shown:
    """The offboarding with what the processes that were known at its time have said; raises `UnknownOffboarding`."""
    async with database.raw() as raw:
        found = await store.offboarding(raw, request_id)
    if found is None:
        raise UnknownOffboarding
    replicas = await confirmations(database, found.revision, at=found.written_at)
    return Shown(found, replicas, is_late(found, replicas, now=now))
