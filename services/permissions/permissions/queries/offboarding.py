"""What can be asked of offboardings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from permissions.domain.offboarding import UnknownOffboarding, is_late
from permissions.queries.facts import REPLICA_KNOWN, confirmations
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
    """The offboarding with what the processes heard of around then have said; raises `UnknownOffboarding`."""
    async with database.raw() as raw:
        found = await store.offboarding(raw, request_id)
    if found is None:
        raise UnknownOffboarding
    since = found.written_at - REPLICA_KNOWN
    replicas = await confirmations(database, found.revision, heard_since=since)
    return Shown(found, replicas, is_late(found, replicas, now=now))
