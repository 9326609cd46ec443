"""The sweep: owners are told that a lease nears its end or is read-only, and what nobody keeps goes to the pool.

Rights do not depend on it: they end at their second, swept or not. The sweep says so, once in each run of a clock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from permissions.commands import recording
from permissions.commands.leases import change_owners, monotone_s
from permissions.domain.audit import Event
from permissions.domain.lease_rules import due_notice, lapse
from permissions.queries.leases import terms_of
from permissions.store import lease_states
from permissions.store import leases as store
from permissions.wire import leases as wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accesskit.leases import LeaseState
    from accesskit.policy import LeaseTerms
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.leases import Lease
    from permissions.queries.live import Live

SWEPT_MAX = 2000
IMPORTED_MAX = 500
REACH_EVERY_S = 30.0
"""How far the clock may be set back, while nothing happens to any lease, before leases grow younger by it."""

ACTOR = "permissions"


class Sweep:
    """Acts on leases whose next state has begun."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    async def step(self) -> bool:
        """Acts on a batch; says whether there may be more. Does nothing while no policy is live."""
        if self._live.engine.policy is None:
            return False
        terms = terms_of(self._live)
        async with self._database.raw() as raw:
            reached_s = await store.reached_s(raw)
            now_s = max(self._live.now_s, reached_s)
            is_any_due = bool(await lease_states.due(raw, terms, now_s=now_s, limit=1))
        if is_any_due:
            return await sweep(self._database, terms) == SWEPT_MAX
        if now_s > reached_s + REACH_EVERY_S:
            async with self._database.unit_of_work() as uow:
                await store.reach(uow.raw, now_s)
        return False


class LeaseImport:
    """States in the log, before the service lets anything in, the leases that are older than its changes.

    They were ownerships once: their rows say version 0 until an entry states them. A part of a service.
    """

    name = "lease_import"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self) -> None:
        """Imports all there are; a second time finds none."""
        while await import_ownerships(self._database):
            pass

    async def stop(self) -> None:
        """Nothing: it is done."""

    def problem(self) -> str | None:
        """None: it is done before anything is answered."""
        return None


async def sweep(database: Database, terms: LeaseTerms) -> int:
    """Acts on at most `SWEPT_MAX` due leases in one transaction; returns how many."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        now_s = await monotone_s(uow, log)
        due = await lease_states.due(uow.raw, terms, now_s=now_s, limit=SWEPT_MAX)
        noticed = _tell_owners(uow, log, due, terms, now_s)
        await store.save(uow.raw, noticed)
        lapsed = [lapse(lease, terms, now_s=now_s) for lease in due]
        released = await change_owners(uow, log, filter(None, lapsed), actor=ACTOR)
        await log.finish()
    return len(noticed) + len(released)


async def import_ownerships(database: Database) -> int:
    """States up to `IMPORTED_MAX` leases that no entry states; returns how many."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        older = await store.unlogged(uow.raw, limit=IMPORTED_MAX)
        if older:
            leases = [_stated(lease, log.next_seq) for lease in older]
            puts = [lease.put for lease in leases]
            log.append(Event("ownerships_imported", ACTOR, changes=puts))
            await store.save(uow.raw, leases)
            await log.finish()
    return len(older)


def _stated(lease: Lease, seq: int) -> Lease:
    return replace(lease, put=structs.replace(lease.put, version=1, seq=seq))


def _tell_owners(
    uow: UnitOfWork, log: Log, due: Sequence[Lease], terms: LeaseTerms, now_s: float
) -> list[Lease]:
    noticed = []
    for lease in due:
        state = due_notice(lease, terms, now_s=now_s)
        if state is not None:
            _tell_owner(uow, log, lease, state, terms)
            noticed.append(replace(lease, noticed=state.value))
    return noticed


def _tell_owner(
    uow: UnitOfWork, log: Log, lease: Lease, state: LeaseState, terms: LeaseTerms
) -> None:
    details = {"owner_id": lease.put.owner_id, "episode": lease.episode, "state": state.value}
    seq = log.append(Event(f"lease_{state.value}", ACTOR, str(lease.resource), details))
    event = wire.ownership_demoted(lease.at(terms, log.now_s), state, audit_seq=seq)
    uow.publish(event, key=lease.put.resource_id)
