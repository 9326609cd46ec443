"""Changing owners: the one way in which a resource gets another, with what the log and the bus say of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from accesskit.facts import Entity

from permissions.commands import recording
from permissions.commands.customers import relate_leads
from permissions.domain.audit import Event
from permissions.domain.leases import Cause, OwnerChange, change_owner, unowned
from permissions.store import leases as store
from permissions.wire import leases as wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leadchain.assignment.v1.events_pb2 import LeadAssigned
    from servicekit.database import UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.leases import Lease
    from permissions.wire.leases import Arrival

CHUNK_SIZE = 2000
"""Leases that one statement writes."""
PER_ENTRY = 100
"""Leases of one owner that share an entry of the log when all of them are given up."""


async def grant_ownerships(uow: UnitOfWork, arrivals: Sequence[Arrival]) -> None:
    """Gives each lead to whom it is assigned.

    The same few statements for any number of assignments. Those that are not newer than what is on record change
    nothing and are not published.
    """
    log = await recording.begin(uow)
    leases = await store.of_resources(uow.raw, {arrival.resource for arrival in arrivals})
    changed: dict[Entity, Lease] = {}
    for arrival in arrivals:
        before = leases.get(arrival.resource) or unowned(arrival.resource)
        if before.assignment_no < arrival.assignment_no:
            lease = _grant(uow, log, before, arrival)
            leases[arrival.resource] = changed[arrival.resource] = lease
    if changed:
        await store.save(uow.raw, changed.values())
        asked = [(a.golden_id, a.resource.id) for a in arrivals if a.golden_id]
        await relate_leads(uow, log, asked, actor="assignment")
        await log.finish()


def _grant(uow: UnitOfWork, log: Log, before: Lease, arrival: Arrival) -> Lease:
    known = replace(
        before,
        assignment_no=arrival.assignment_no,
        channel=arrival.channel,
        received_at_s=arrival.received_at_s,
    )
    change = OwnerChange(known, arrival.owner_id, Cause.ASSIGNED)
    details = {"assignment_no": arrival.assignment_no, "cause_event_id": arrival.event.event_id}
    return _change(uow, log, change, actor="assignment", details=details, event=arrival.event)


async def change_owners(
    uow: UnitOfWork, log: Log, changes: Iterable[OwnerChange], *, actor: str
) -> list[Lease]:
    """Gives resources, each named once, other owners; returns the leases in the order of `changes`.

    Every change is an entry of the log and an event. The caller has the log from `recording.begin`, has read the
    leases since, and finishes the log.
    """
    leases = [_change(uow, log, change, actor=actor, details={}) for change in changes]
    for start in range(0, len(leases), CHUNK_SIZE):
        await store.save(uow.raw, leases[start : start + CHUNK_SIZE])
    return leases


async def give_up_all(
    uow: UnitOfWork, log: Log, owner_id: str, *, successor_id: str, actor: str
) -> int:
    """Gives all that somebody owns to a successor, or to the pool when that is empty; returns how many.

    An entry of the log holds up to `PER_ENTRY` of the changes and is found by each resource; the events are one each.
    """
    count, reached = 0, Entity("", "")
    while page := await store.owned_by(uow.raw, owner_id, after=reached, limit=CHUNK_SIZE):
        changes = [OwnerChange(lease, successor_id, Cause.OFFBOARDED) for lease in page]
        given_up: list[Lease] = []
        for start in range(0, len(changes), PER_ENTRY):
            given_up += _change_together(uow, log, changes[start : start + PER_ENTRY], actor=actor)
            # Lets the checks of others be answered in between.
            await asyncio.sleep(0)
        await store.save(uow.raw, given_up)
        count, reached = count + len(page), page[-1].resource
    return count


async def monotone_s(uow: UnitOfWork, log: Log) -> float:
    """The time by which leases are judged, Unix seconds: never earlier than one by which they were judged before.

    A clock that is set back makes no lease younger.
    """
    now_s = max(log.now_s, await store.reached_s(uow.raw))
    await store.reach(uow.raw, now_s)
    return now_s


def _change(
    uow: UnitOfWork,
    log: Log,
    change: OwnerChange,
    *,
    actor: str,
    details: dict[str, object],
    event: LeadAssigned | None = None,
) -> Lease:
    """Makes one change of owner: its lease, its entry, and its event."""
    lease = change_owner(change, now_s=log.now_s, seq=log.next_seq)
    stated = {**details, **_stated(change)}
    log.append(Event(_action(change), actor, str(lease.resource), stated, (lease.put,)))
    _publish(uow, change, lease, event=event)
    return lease


def _change_together(
    uow: UnitOfWork, log: Log, changes: Sequence[OwnerChange], *, actor: str
) -> list[Lease]:
    """Makes changes from one owner to one owner for one cause: their leases, one entry, and an event each."""
    now_s, seq, alike = log.now_s, log.next_seq, changes[0]
    leases = [change_owner(change, now_s=now_s, seq=seq) for change in changes]
    owner = f"user:{alike.lease.put.owner_id}"
    puts = [lease.put for lease in leases]
    log.append(Event(_action(alike), actor, owner, _stated(alike), puts))
    for change, lease in zip(changes, leases, strict=True):
        _publish(uow, change, lease)
    return leases


def _action(change: OwnerChange) -> str:
    return "ownership_granted" if change.owner_id else "ownership_released"


def _stated(change: OwnerChange) -> dict[str, object]:
    details: dict[str, object] = {"reason": change.reason} if change.reason else {}
    return details | {
        "cause": change.cause.value,
        "owner_id": change.owner_id,
        "previous_owner_id": change.lease.put.owner_id,
    }


def _publish(
    uow: UnitOfWork, change: OwnerChange, lease: Lease, *, event: LeadAssigned | None = None
) -> None:
    for published in wire.owner_events(change, lease, event=event):
        uow.publish(published, key=lease.put.resource_id, cause=event)
