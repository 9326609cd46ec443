"""How somebody leaves, all at once, and how they are suspended for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from accesskit.changes import DevicePut, FactPut, FactRemoved, PrincipalPut
from servicekit.database import UnitOfWork

from permissions.commands import approvals, exports, leases, recording
from permissions.commands.recording import Log, Recorded
from permissions.commands.sessions import Revocation, announce_end, end_sessions, put_principal
from permissions.domain import offboarding as domain
from permissions.domain.audit import Event
from permissions.domain.sessions import RequestIdTaken, UnknownPrincipal
from permissions.store import devices, facts, principals, sessions
from permissions.store import leases as lease_store
from permissions.store import offboarding as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg
    from accesskit.changes import Change
    from servicekit.database import Database

    from permissions.domain.offboarding import (
        Belongings,
        Departure,
        Offboarding,
        OffboardingReport,
        OffboardingRequest,
    )

CHANGES_MAX = 500
"""Changes in one entry of the log."""

Cancel: TypeAlias = Callable[[UnitOfWork, Log, str, str], Awaitable[int]]
"""Ends what a person has begun (unit of work, log, person, actor); returns how much that was."""

EXPORTS: tuple[Cancel, ...] = (exports.cancel_of,)
"""What ends a leaver's exports."""


async def offboard(database: Database, request: OffboardingRequest) -> Offboarding:
    """Ends all that a person may do and hands on what they own, in one transaction.

    The same request again gives the report of the first time: so does a caller who hung up, while it was undone or
    done whole, learn which. Raises `RequestIdTaken`, or what `domain.depart` does.
    """
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        done = await store.offboarding(uow.raw, request.request_id)
        if done is None:
            await _carry_out(uow, log, request)
            done = await store.offboarding(uow.raw, request.request_id)
        if done is None or done.report.principal_id != request.principal_id:
            raise RequestIdTaken
    return done


async def preview(
    database: Database, request: OffboardingRequest, *, now: datetime
) -> OffboardingReport:
    """What `offboard` would do now; approvals and exports are not counted. Raises the same."""
    async with (
        database.raw() as raw,
        raw.transaction(isolation="repeatable_read", readonly=True),
    ):
        departure, belongings = await _decide(raw, request, now=now)
        owned = await lease_store.owned_count(raw, request.principal_id)
        return domain.report_of(request, departure, belongings).with_leases(owned)


async def suspend(database: Database, principal_id: str, *, actor: str) -> Revocation:
    """Ends a principal's sessions and refuses everything until they are resumed; twice is once.

    Raises `OwnDeparture`, `UnknownPrincipal` or `AlreadyDeparted`.
    """
    if principal_id == actor:
        raise domain.OwnDeparture
    count = 0
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        known = await _known(uow, principal_id)
        after = domain.suspended(known)
        if after != known:
            count = await end_sessions(uow, after)
            await put_principal(uow, log, after, action="principal_suspended", actor=actor)
            announce_end(uow, after, reason="suspended", seq=log.next_seq - 1)
        recorded = await log.finish()
    revision = recorded.revision if after != known else 0
    return Revocation(count, after.epoch, recorded.token, revision)


async def resume(database: Database, principal_id: str, *, actor: str) -> str:
    """Lets a suspended principal sign in again; twice is once. Returns the consistency token.

    Raises `OwnDeparture`, `UnknownPrincipal` or `AlreadyDeparted`.
    """
    if principal_id == actor:
        raise domain.OwnDeparture
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        known = await _known(uow, principal_id)
        after = domain.resumed(known)
        if after != known:
            await put_principal(uow, log, after, action="principal_resumed", actor=actor)
        recorded = await log.finish()
    return recorded.token


async def _carry_out(uow: UnitOfWork, log: Log, request: OffboardingRequest) -> None:
    departure, belongings = await _decide(uow.raw, request, now=uow.now)
    person, actor = departure.principal, request.requested_by
    report = domain.report_of(request, departure, belongings)
    seq = log.next_seq
    await _record_departure(uow, log, request, departure)
    await _end_possessions(uow, log, belongings, person.principal_id, actor=actor)
    await _withdraw(uow, log, departure, actor=actor)
    withdrawn = await approvals.withdraw_of(uow, log, person.principal_id, by=actor)
    report = replace(
        report,
        approval_count=withdrawn.requests + withdrawn.votes,
        export_count=await _cancel(EXPORTS, uow, log, request),
    )
    count = await leases.give_up_all(
        uow, log, person.principal_id, successor_id=departure.successor_id, actor=actor
    )
    announce_end(uow, person, reason="offboarded", seq=seq)
    recorded = await log.finish()
    await _keep(uow, report.with_leases(count), recorded)


async def _decide(
    raw: asyncpg.Connection, request: OffboardingRequest, *, now: datetime
) -> tuple[Departure, Belongings]:
    known = await principals.of_ids(raw, [request.principal_id])
    epoch = known[request.principal_id].epoch if known else 0
    belongings = await store.belongings(raw, request.principal_id, epoch=epoch, now=now)
    above = domain.superiors_of(request.principal_id, belongings.managers)
    others = await principals.of_ids(raw, [*above, request.successor_id])
    return domain.depart(request, known | others, belongings), belongings


async def _record_departure(
    uow: UnitOfWork, log: Log, request: OffboardingRequest, departure: Departure
) -> None:
    person = departure.principal
    details = {
        "request_id": request.request_id,
        "reason": request.reason,
        "successor_id": departure.successor_id,
        "epoch": person.epoch,
    }
    resource = f"user:{person.principal_id}"
    seq = log.append(Event("offboarded", request.requested_by, resource, details, [person]))
    await principals.put(uow.raw, [person], seq=seq)


async def _end_possessions(
    uow: UnitOfWork, log: Log, belongings: Belongings, person_id: str, *, actor: str
) -> None:
    await sessions.revoke(uow.raw, belongings.session_ids, now=uow.now)
    await sessions.revoke_api_keys(uow.raw, belongings.api_key_ids, now=uow.now)
    await devices.revoke(uow.raw, belongings.device_ids)
    ended = [DevicePut(device_id, person_id, "revoked") for device_id in belongings.device_ids]
    _append(log, "devices_revoked", actor, person_id, ended)


async def _withdraw(uow: UnitOfWork, log: Log, departure: Departure, *, actor: str) -> None:
    person_id = departure.principal.principal_id
    removed = [FactRemoved(fact) for fact in departure.withdrawn]
    _append(log, "grants_withdrawn", actor, person_id, removed)
    await facts.remove(uow.raw, [fact.key for fact in departure.withdrawn])
    for start in range(0, len(departure.repointed), CHANGES_MAX):
        edges = [
            msgspec.structs.replace(fact, seq=log.next_seq)
            for fact in departure.repointed[start : start + CHANGES_MAX]
        ]
        await facts.put(uow.raw, edges)
        _append(log, "subordinates_moved", actor, person_id, [FactPut(edge) for edge in edges])


def _append(log: Log, action: str, actor: str, person_id: str, changes: Sequence[Change]) -> None:
    """One entry for each `CHANGES_MAX` changes; none for none."""
    for start in range(0, len(changes), CHANGES_MAX):
        part = changes[start : start + CHANGES_MAX]
        log.append(Event(action, actor, f"user:{person_id}", {}, part))


async def _cancel(
    cancels: tuple[Cancel, ...], uow: UnitOfWork, log: Log, request: OffboardingRequest
) -> int:
    count = 0
    for cancel in cancels:
        count += await cancel(uow, log, request.principal_id, request.requested_by)
    return count


async def _keep(uow: UnitOfWork, report: OffboardingReport, recorded: Recorded) -> None:
    await store.add(uow.raw, report, revision=recorded.revision, token=recorded.token, now=uow.now)


async def _known(uow: UnitOfWork, principal_id: str) -> PrincipalPut:
    known = (await principals.of_ids(uow.raw, [principal_id])).get(principal_id)
    if known is None:
        raise UnknownPrincipal
    return known
