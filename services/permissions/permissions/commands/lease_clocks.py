"""Starting and stopping a lease's clock: unlocking, protection, exemption."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from permissions.commands import approvals, recording
from permissions.commands.leases import monotone_s
from permissions.commands.settling import settled
from permissions.domain.audit import Event
from permissions.domain.lease_rules import (
    check_exemption,
    check_unlock,
    check_version,
    protected_until_s,
)
from permissions.domain.leases import UnknownLease, restarted
from permissions.store import leases as store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accesskit.facts import Entity
    from accesskit.leases import LeaseView
    from accesskit.policy import LeaseTerms
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.approvals import Use
    from permissions.commands.recording import Log
    from permissions.domain.leases import Lease
    from permissions.queries.live import Live


@dataclass(frozen=True, slots=True)
class ChangedLease:
    """A lease as it stands after a change, and the change's consistency token."""

    view: LeaseView
    token: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be done to which lease, by whom, under which terms.

    `version` is the one that the asker has seen, None where any will do. `reason` is a code.
    """

    resource: Entity
    actor: str
    terms: LeaseTerms
    version: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Restart:
    """A new run of a lease's clock: what happened, and how its `put` differs."""

    action: str
    changes: Mapping[str, float]
    details: Mapping[str, object] = field(default_factory=dict)


async def unlock(
    database: Database, live: Live, ask: Ask, using: Use | None = None
) -> ChangedLease:
    """Lets the owner of a read-only resource work again; `using` is the use of an approval where one is needed.

    Raises `LeaseChanged`, `UnknownLease`, `WrongState`, and what `approvals.use` raises.
    """

    async def work(uow: UnitOfWork, log: Log) -> Lease:
        lease, now_s = await _on_record(uow, log, ask)
        check_unlock(lease, ask.terms, now_s=now_s)
        if using is not None:
            await approvals.use(uow, log, live, using)
        restart = _Restart("lease_unlocked", {"touched_at_s": now_s})
        return await _restart(uow, log, lease, ask, restart)

    lease = await settled(database, live, work)
    return ChangedLease(lease.at(ask.terms, live.now_s), live.token_at(lease.put.seq))


async def protect(database: Database, ask: Ask, *, days: int) -> ChangedLease:
    """Stops the clock for some days. Raises as `unlock` does, and `ProtectionRefused`."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        lease, now_s = await _on_record(uow, log, ask)
        count = await store.protected_count(uow.raw, lease.put.owner_id, now_s=now_s)
        until_s = protected_until_s(lease, ask.terms, days=days, protected_count=count, now_s=now_s)
        restart = _Restart("lease_protected", {"suspended_until_s": until_s}, {"days": days})
        return await _finished(log, await _restart(uow, log, lease, ask, restart), ask)


async def exempt(database: Database, ask: Ask) -> ChangedLease:
    """Stops the clock; twice is once. Raises `UnknownLease` or `WrongState`."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        lease, now_s = await _on_record(uow, log, ask)
        check_exemption(lease, ask.terms, now_s=now_s)
        if lease.put.is_exempt:
            return await _finished(log, lease, ask)
        restart = _Restart("lease_exempted", {"is_exempt": True})
        return await _finished(log, await _restart(uow, log, lease, ask, restart), ask)


async def end_exemption(database: Database, ask: Ask) -> ChangedLease:
    """Lets the clock run again, from now on; twice is once. Raises `UnknownLease`."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        lease, now_s = await _on_record(uow, log, ask)
        if not lease.put.is_exempt:
            return await _finished(log, lease, ask)
        until_s = max(now_s, lease.put.suspended_until_s)
        changes = {"is_exempt": False, "suspended_until_s": until_s}
        restart = _Restart("lease_exemption_ended", changes)
        return await _finished(log, await _restart(uow, log, lease, ask, restart), ask)


async def _on_record(uow: UnitOfWork, log: Log, ask: Ask) -> tuple[Lease, float]:
    """The lease, and the time by which it is judged."""
    now_s = await monotone_s(uow, log)
    leases = await store.of_resources(uow.raw, [ask.resource])
    if ask.resource not in leases:
        raise UnknownLease
    check_version(leases[ask.resource], ask.version)
    return leases[ask.resource], now_s


async def _restart(uow: UnitOfWork, log: Log, before: Lease, ask: Ask, restart: _Restart) -> Lease:
    lease = restarted(before, seq=log.next_seq, **restart.changes)
    details = {**restart.details, "cause": ask.reason, "owner_id": lease.put.owner_id}
    resource = str(lease.resource)
    log.append(Event(restart.action, ask.actor, resource, details, changes=(lease.put,)))
    await store.save(uow.raw, [lease])
    return lease


async def _finished(log: Log, lease: Lease, ask: Ask) -> ChangedLease:
    token = (await log.finish()).token
    return ChangedLease(lease.at(ask.terms, log.now_s), token)
