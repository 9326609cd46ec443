"""Emergencies: taken by one person, told to others at once, and judged afterwards or paid for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accesskit.changes import PrincipalPut
from leadchain.permissions.v1.events_pb2 import SessionsRevoked

from permissions.commands import recording
from permissions.commands.approvals import (
    Asked,
    Ballot,
    decided,
    earlier,
    keep,
    publish,
    requestable,
)
from permissions.commands.settling import settled
from permissions.domain.approvals import AccessRequest, NoSuchRequest, Status
from permissions.domain.approvers import StepUpRequired, UnfitApprover, Verdict, check_second_factor
from permissions.domain.audit import Event
from permissions.domain.break_glass import NoBreakGlass, NoEmergency, broken, reviewed
from permissions.queries.approvals import Shown, template_named
from permissions.store import approvals, people, principals

if TYPE_CHECKING:
    from accesskit.policy import ApprovalTemplate
    from servicekit.database import Database, UnitOfWork
    from servicekit.errors import ServiceError

    from permissions.commands.recording import Log
    from permissions.queries.live import Live

TOLD_MAX = 20
"""People told of one emergency."""
BATCH_SIZE = 100
LAPSER = "permissions"
"""The actor of what time does."""


async def break_glass(database: Database, live: Live, asked: Asked) -> Shown:
    """Takes an approval without votes, for the person who acts; the same emergency again changes nothing.

    Raises what `request_access` raises, `NoBreakGlass`, `TooFewToTell` and `StepUpRequired`.
    """

    async def work(uow: UnitOfWork, log: Log) -> Shown:
        known = await earlier(uow, asked, is_emergency=True)
        return known or await _break(uow, log, live, asked)

    return await settled(database, live, work)


async def review(database: Database, live: Live, ballot: Ballot) -> Shown:
    """Judges an emergency; one that was not justified suspends the account. Refused reviews are recorded.

    Raises `NoSuchRequest`, `NoEmergency`, `UnfitApprover`, `StepUpRequired` and `Undecidable`.
    """

    async def work(uow: UnitOfWork, log: Log) -> Shown | ServiceError:
        try:
            return await _review(uow, log, live, ballot)
        except (UnfitApprover, StepUpRequired) as refusal:
            resource = f"approval:{ballot.request_id}"
            details = {"code": str(refusal)}
            log.append(Event("review_refused", ballot.actor.person_id, resource, details))
            return refusal

    return await settled(database, live, work)


async def lapse(database: Database, live: Live) -> bool:
    """Writes down what time has decided: requests that expired, emergencies that nobody reviewed within a day.

    Returns whether there may be more. Rights never wait for it: an approval past its time permits nothing.
    """
    if not await _is_due(database, live.now_s):
        return False
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        lapsed = await approvals.lapsed(uow.raw, now_s=log.now_s, limit=BATCH_SIZE)
        for request in lapsed:
            await decided(uow, log, _expired(request), by=LAPSER)
        overdue = await approvals.unreviewed(uow.raw, now_s=log.now_s, limit=BATCH_SIZE)
        for request in overdue:
            await _sanction(uow, log, request, cause="never_reviewed")
        await log.finish()
    return BATCH_SIZE in {len(lapsed), len(overdue)}


async def suspend(uow: UnitOfWork, log: Log, principal_id: str, *, cause: str) -> None:
    """Suspends an account at once, with every session and token of it; one that is not active stays as it is."""
    known = (await principals.of_ids(uow.raw, [principal_id])).get(principal_id)
    if known is None or known.status != "active":
        return
    put = PrincipalPut(known.principal_id, known.type, "suspended", known.epoch + 1, known.is_test)
    resource, details = f"{known.type}:{principal_id}", {"cause": cause}
    seq = log.append(Event("principal_suspended", LAPSER, resource, details, changes=[put]))
    await principals.put(uow.raw, [put], seq=seq)
    event = SessionsRevoked(
        principal_id=principal_id, epoch=put.epoch, reason="suspended", audit_seq=seq
    )
    uow.publish(event, key=principal_id)


async def _break(uow: UnitOfWork, log: Log, live: Live, asked: Asked) -> Shown:
    check_second_factor(asked.actor.proof, now_s=log.now_s)
    request, template = await requestable(uow, log, live, asked)
    if request.deed.subject_id != request.requester_id:
        raise NoBreakGlass("only for oneself")
    taken = await _taken(uow, request, template, now_s=log.now_s)
    seq = await keep(uow, log, taken, asked=asked)
    publish(uow, taken, status="break_glass", seq=seq)
    return Shown(taken)


async def _taken(
    uow: UnitOfWork, request: AccessRequest, template: ApprovalTemplate, *, now_s: float
) -> AccessRequest:
    roles = {role for step in template.steps for role in step.roles}
    others = await people.holders(uow.raw, roles, now_s=now_s, limit=TOLD_MAX)
    known = await people.around(uow.raw, [request.requester_id, *others], now_s=now_s)
    return broken(request, template, others=others, people=known)


async def _review(uow: UnitOfWork, log: Log, live: Live, ballot: Ballot) -> Shown:
    request = await approvals.get(uow.raw, ballot.request_id)
    if request is None:
        raise NoSuchRequest
    template = template_named(live, request.template)
    if template is None:
        raise NoEmergency("the policy no longer knows the template")
    check_second_factor(ballot.actor.proof, now_s=log.now_s)
    reviewer_id = ballot.actor.person_id
    ids = [*request.concerned, reviewer_id]
    known = await people.around(uow.raw, ids, now_s=log.now_s)
    after = reviewed(
        request,
        ballot.verdict,
        reviewer_id=reviewer_id,
        template=template,
        people=known,
        now_s=log.now_s,
    )
    if after is not request:
        await _keep_review(uow, log, after, ballot)
    return Shown(after)


async def _keep_review(uow: UnitOfWork, log: Log, after: AccessRequest, ballot: Ballot) -> None:
    details = {"verdict": ballot.verdict.value, "of": after.requester_id}
    resource = f"approval:{after.id}"
    seq = log.append(Event("glass_reviewed", ballot.actor.person_id, resource, details))
    assert after.emergency is not None
    await approvals.review(uow.raw, after.id, after.emergency, seq=seq)
    if ballot.verdict is Verdict.DENY:
        await _sanction(uow, log, after, cause="not_justified")


async def _sanction(uow: UnitOfWork, log: Log, request: AccessRequest, *, cause: str) -> None:
    if request.is_open:
        await decided(uow, log, _expired(request), by=LAPSER)
    await suspend(uow, log, request.requester_id, cause=f"break_glass_{cause}")
    details = {"cause": cause, "of": request.requester_id}
    seq = log.append(Event("glass_sanctioned", LAPSER, f"approval:{request.id}", details))
    await approvals.sanction(uow.raw, request.id, seq=seq)


async def _is_due(database: Database, now_s: float) -> bool:
    async with database.raw() as raw:
        return bool(
            await approvals.lapsed(raw, now_s=now_s, limit=1)
            or await approvals.unreviewed(raw, now_s=now_s, limit=1)
        )


def _expired(request: AccessRequest) -> AccessRequest:
    return replace(request, status=Status.EXPIRED)
