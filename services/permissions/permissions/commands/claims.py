"""People pass resources on: they claim from the pool, give up, and hand over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from accesskit.leases import LeaseState
from servicekit.errors import Conflict

from permissions.commands import recording
from permissions.commands.lease_clocks import ChangedLease
from permissions.commands.leases import change_owners, monotone_s
from permissions.domain import lease_rules
from permissions.domain.leases import Cause, OwnerChange, UnknownLease
from permissions.store import leases as store
from permissions.store import principals

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from accesskit.facts import Entity
    from accesskit.leases import LeaseView
    from accesskit.policy import LeaseTerms
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.lease_clocks import Ask
    from permissions.commands.recording import Log
    from permissions.domain.leases import Lease

HANDED_OVER_MAX = 1000


class NotAnActiveUser(Conflict):
    """Only a person who works here can own something."""

    def __init__(self) -> None:
        super().__init__("not_an_active_user: the new owner is unknown, suspended or departed")


class HandOverOutcome(Enum):
    """What became of one resource in a hand-over; the names are those of the contract."""

    HANDED_OVER = "handed_over"
    ALREADY_THEIRS = "already_theirs"
    NOT_THE_OWNER = "not_the_owner"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HandOver:
    """Resources shall pass from one owner to another; `actor` says so, and `reason` is a code of why."""

    resources: Sequence[Entity]
    from_id: str
    to_id: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What became of each resource, in their order, and the consistency token."""

    outcomes: Sequence[HandOverOutcome]
    token: str


class Claims:
    """Claims from the pool, one after the other: who comes too late waits here, without a connection, not for long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()

    async def is_done(self, ask: Ask, *, now_s: float) -> bool:
        """Whether the asker has made this very claim already; raises at once what `claim` would, as far as is seen."""
        async with self._database.raw() as raw:
            lease = await _lease(raw, ask.resource)
        if lease_rules.is_claimed_by(lease, ask.actor, version=ask.version):
            return True
        lease_rules.check_version(lease, ask.version)
        lease_rules.claim(lease, ask.terms, ask.actor, now_s=now_s)
        return False

    async def claim(self, ask: Ask) -> ChangedLease:
        """Gives a resource in the pool to whoever asks for its version first; their own repetition changes nothing.

        Raises `UnknownLease`, `LeaseChanged`, `NotInPool`, `CoolingDown`, `ClaimsUsedUp` or `NotAnActiveUser`.
        """
        async with self._turn:
            await self._check_version(ask)
            async with self._database.unit_of_work() as uow:
                return await _claim(uow, ask)

    async def _check_version(self, ask: Ask) -> None:
        """Tells who comes too late without holding the end of the log."""
        async with self._database.raw() as raw:
            lease = await _lease(raw, ask.resource)
        if not lease_rules.is_claimed_by(lease, ask.actor, version=ask.version):
            lease_rules.check_version(lease, ask.version)


async def release(database: Database, ask: Ask) -> ChangedLease:
    """An owned resource goes to the pool. Raises `UnknownLease`, `LeaseChanged` or `WrongState`."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        now_s = await monotone_s(uow, log)
        lease = await _lease(uow.raw, ask.resource)
        lease_rules.check_version(lease, ask.version)
        change = lease_rules.release(lease, ask.terms, now_s=now_s)
        [released] = await change_owners(uow, log, [change], actor=ask.actor)
        return await _changed(log, released, ask)


async def hand_over(database: Database, wanted: HandOver, terms: LeaseTerms) -> HandedOver:
    """Gives resources to another owner in one transaction; what is not `from_id`'s any more stays as it is.

    Raises `NotAnActiveUser`.
    """
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        now_s = await monotone_s(uow, log)
        await _require_active_user(uow.raw, wanted.to_id)
        leases = await store.of_resources(uow.raw, set(wanted.resources))
        held = {
            resource: lease
            for resource, lease in leases.items()
            if lease.at(terms, now_s).state is not LeaseState.POOL
        }
        outcomes = [
            _outcome(held.get(resource), wanted, is_known=resource in leases)
            for resource in wanted.resources
        ]
        moved = dict.fromkeys(
            resource
            for resource, outcome in zip(wanted.resources, outcomes, strict=True)
            if outcome is HandOverOutcome.HANDED_OVER
        )
        changes = [
            OwnerChange(leases[resource], wanted.to_id, Cause.HANDED_OVER, reason=wanted.reason)
            for resource in moved
        ]
        await change_owners(uow, log, changes, actor=wanted.actor)
        return HandedOver(outcomes, (await log.finish()).token)


async def _claim(uow: UnitOfWork, ask: Ask) -> ChangedLease:
    log = await recording.begin(uow)
    now_s = await monotone_s(uow, log)
    lease = await _lease(uow.raw, ask.resource)
    if lease_rules.is_claimed_by(lease, ask.actor, version=ask.version):
        return await _changed(log, lease, ask)
    lease_rules.check_version(lease, ask.version)
    change = lease_rules.claim(lease, ask.terms, ask.actor, now_s=now_s)
    await _require_active_user(uow.raw, ask.actor)
    day = lease_rules.claim_day(now_s)
    count = await store.claim_count(uow.raw, ask.actor, day)
    lease_rules.check_claim_count(count, ask.terms, now_s=now_s)
    [claimed] = await change_owners(uow, log, [change], actor=ask.actor)
    await store.count_claim(uow.raw, ask.actor, day)
    return await _changed(log, claimed, ask)


async def _changed(log: Log, lease: Lease, ask: Ask) -> ChangedLease:
    view: LeaseView = lease.at(ask.terms, log.now_s)
    return ChangedLease(view, (await log.finish()).token)


async def _lease(raw: asyncpg.Connection, resource: Entity) -> Lease:
    leases = await store.of_resources(raw, [resource])
    if resource not in leases:
        raise UnknownLease
    return leases[resource]


async def _require_active_user(raw: asyncpg.Connection, principal_id: str) -> None:
    """By the tables, so that who left a moment ago gets nothing."""
    known = (await principals.of_ids(raw, [principal_id])).get(principal_id)
    if known is None or known.type != "user" or known.status != "active":
        raise NotAnActiveUser


def _outcome(held: Lease | None, wanted: HandOver, *, is_known: bool) -> HandOverOutcome:
    """What becomes of a resource; `held` is its lease unless that is over."""
    if held is None:
        return HandOverOutcome.NOT_THE_OWNER if is_known else HandOverOutcome.UNKNOWN
    if held.put.owner_id == wanted.to_id:
        return HandOverOutcome.ALREADY_THEIRS
    if held.put.owner_id != wanted.from_id:
        return HandOverOutcome.NOT_THE_OWNER
    return HandOverOutcome.HANDED_OVER
