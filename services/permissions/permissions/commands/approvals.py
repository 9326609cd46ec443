"""Sensitive actions are requested, voted on, and used once; every step is an entry of the log (PM-04, PM-08, PM-11)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accesskit.decisions import Outcome, Question
from leadchain.permissions.v1.changes_pb2 import Entity
from leadchain.permissions.v1.events_pb2 import ApprovalDecided

from permissions.commands.settling import check_settled, settled
from permissions.domain.approvals import (
    EXPIRES_S_MAX,
    AccessRequest,
    ApprovalRefused,
    Denial,
    NoApprovalNeeded,
    NoSuchRequest,
    NotRequestable,
    OtherQuestion,
    RequestIdTaken,
    Status,
    cancelled,
    cast_vote,
    is_replay,
)
from permissions.domain.approvers import (
    StepUpRequired,
    UnfitApprover,
    Verdict,
    Vote,
    check_second_factor,
)
from permissions.domain.audit import Event
from permissions.domain.decisions import binding_token
from permissions.queries.approvals import (
    Shown,
    deed_of,
    denial_of,
    template_for,
    template_named,
)
from permissions.store import approvals, people

if TYPE_CHECKING:
    from accesskit.policy import ApprovalTemplate
    from servicekit.database import Database, UnitOfWork
    from servicekit.errors import ServiceError

    from permissions.commands.recording import Log
    from permissions.domain.approvers import People, SecondFactor
    from permissions.queries.acting import Actor
    from permissions.queries.live import Live

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrives. `summary` holds no personal data; `reason` may, and is only committed to."""

    request_id: str
    actor: Actor
    question: Question
    template: str = ""
    binding_token: str = ""
    summary: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ballot:
    """A vote as it arrives; an empty group is the first that the voter can fill."""

    request_id: str
    actor: Actor
    group: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Use:
    """One use of the approval that the question names; `key` is the executor's name for it.

    `executor_id` is who does the deed for the subject, a service or the subject itself.
    """

    question: Question
    key: str
    executor_id: str
    proof: SecondFactor


@dataclass(frozen=True, slots=True)
class Used:
    """The approval is used up: at this time (Unix seconds), by this call or by an earlier one with the same key."""

    at_s: float
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What became void with somebody: requests by or for them, and votes of theirs on open requests."""

    requests: int
    votes: int


async def request_access(database: Database, live: Live, asked: Asked) -> Shown:
    """Asks for an approval; the same request again changes nothing.

    Raises `NotRequestable` when the policy refuses the deed even with one, `NoApprovalNeeded`, `OtherQuestion` and
    `RequestIdTaken`.
    """

    async def work(uow: UnitOfWork, log: Log) -> Shown:
        return await _request(uow, log, live, asked)

    return await settled(database, live, work)


async def vote(database: Database, live: Live, ballot: Ballot) -> Shown:
    """Approves or denies; the same vote again changes nothing. Refused votes are recorded too.

    Raises `NoSuchRequest`, `Undecidable`, `UnfitApprover` and `StepUpRequired`.
    """

    async def work(uow: UnitOfWork, log: Log) -> Shown | ServiceError:
        try:
            return await _vote(uow, log, live, ballot)
        except (UnfitApprover, StepUpRequired) as refusal:
            details = {"code": str(refusal), "verdict": ballot.verdict.value}
            resource = _resource(ballot.request_id)
            log.append(Event("vote_refused", ballot.actor.person_id, resource, details))
            return refusal

    return await settled(database, live, work)


async def cancel_request(database: Database, live: Live, request_id: str, *, actor: Actor) -> Shown:
    """Withdraws a request by who made it or would act by it; raises `NoSuchRequest` and `Undecidable`."""

    async def work(uow: UnitOfWork, log: Log) -> Shown:
        request = await approvals.get(uow.raw, request_id)
        if request is None or actor.person_id not in request.concerned:
            raise NoSuchRequest
        after = cancelled(request)
        if after is not request:
            await decided(uow, log, after, by=actor.person_id)
        return Shown(after, await approvals.votes_of(uow.raw, request_id))

    return await settled(database, live, work)


async def use_approval(database: Database, live: Live, using: Use) -> Used:
    """Uses an approval for a deed that is done elsewhere, in a transaction of its own; refusals are recorded.

    Once used, only the same executor with the same key and the same deed gets the same answer, whatever has changed
    since: it must make the deed itself idempotent by that key. Raises as `use` does.
    """

    async def work(uow: UnitOfWork, log: Log) -> Used | ServiceError:
        try:
            return await _earlier_use(uow, using) or await use(uow, log, live, using)
        except (ApprovalRefused, StepUpRequired) as refusal:
            details = {"code": str(refusal), "executor": using.executor_id}
            resource = _resource(using.question.approval_id)
            log.append(Event("approval_refused", using.question.subject_id, resource, details))
            return refusal

    return await settled(database, live, work)


async def use(uow: UnitOfWork, log: Log, live: Live, using: Use) -> Used:
    """Judges the approval again and uses it up, in the transaction that does the deed.

    The state in memory must have caught up before the transaction began. A used approval is refused even to whoever
    used it: the deed was done then, in the same transaction, and may have been undone since for good reason. Raises
    `ApprovalRefused` with one of five codes, `StepUpRequired` when the template wants a second factor, and
    `StateMoved` for another try.
    """
    question = using.question
    await check_settled(uow.raw, live, question)
    request = await approvals.get(uow.raw, question.approval_id)
    refused = await denial_of(uow.raw, live, question, request, now_s=log.now_s)
    if refused is not None or request is None:
        raise ApprovalRefused(refused or Denial.UNVERIFIABLE)
    template = template_for(live, question)
    if template is None or template.step_up:
        check_second_factor(using.proof, now_s=log.now_s)
    seq = log.next_seq
    if not await approvals.use(
        uow.raw, request.id, at_s=log.now_s, key=using.key, used_by=using.executor_id, seq=seq
    ):
        raise ApprovalRefused(Denial.EXPIRED)
    _state(uow, log, replace(request, status=Status.USED), by=using.executor_id)
    return Used(log.now_s, is_repeated=False)


async def withdraw_of(uow: UnitOfWork, log: Log, principal_id: str, *, by: str) -> Withdrawn:
    """Cancels what somebody asked for or could use, as they leave; their votes stop counting with their epoch."""
    requests = await approvals.open_of(uow.raw, principal_id)
    vote_count = await approvals.open_vote_count(uow.raw, principal_id)
    for request in requests:
        await decided(uow, log, cancelled(request), by=by)
    return Withdrawn(len(requests), vote_count)


async def decided(uow: UnitOfWork, log: Log, request: AccessRequest, *, by: str) -> None:
    """Writes where a request stands now, records who decided so, and publishes it."""
    seq = _state(uow, log, request, by=by)
    await approvals.move(uow.raw, request, seq=seq)


async def requestable(
    uow: UnitOfWork, log: Log, live: Live, asked: Asked
) -> tuple[AccessRequest, ApprovalTemplate]:
    """The request that would be kept, if the policy lets the subject do it with an approval.

    Raises `StateMoved`, `NoApprovalNeeded`, `NotRequestable` and `OtherQuestion`.
    """
    question = asked.question
    await check_settled(uow.raw, live, question)
    if asked.binding_token and asked.binding_token != binding_token(question):
        raise OtherQuestion
    template = template_for(live, question)
    decision = live.engine.decide(question, now_s=log.now_s)
    if template is None or decision.outcome is Outcome.ALLOW:
        raise NoApprovalNeeded("no approval is needed for this")
    if asked.template not in {"", template.id}:
        raise NoApprovalNeeded("another template is wanted for this")
    if decision.reason != "approval_required":
        raise NotRequestable(decision.reason)
    ids = [asked.actor.person_id, question.subject_id]
    known = await people.around(uow.raw, ids, now_s=log.now_s)
    return _new_request(asked, template, known, log.now_s), template


async def keep(uow: UnitOfWork, log: Log, request: AccessRequest, *, asked: Asked) -> int:
    """Keeps a new request and records it; returns the entry's number."""
    action = "glass_broken" if request.emergency else "access_requested"
    details = {**_details(request), "expires_at_s": request.expires_at_s}
    if request.emergency:
        details["told"] = list(request.emergency.notify_ids)
    personal = {"reason": asked.reason} if asked.reason else {}
    resource = _resource(request.id)
    seq = log.append(
        Event(action, request.requester_id, resource, details=details, personal=personal)
    )
    await approvals.add(uow.raw, request, seq=seq)
    return seq


def publish(uow: UnitOfWork, request: AccessRequest, *, status: str, seq: int) -> None:
    """States the decision about a request to everybody."""
    deed = request.deed
    event = ApprovalDecided(
        request_id=request.id,
        requester_id=request.requester_id,
        action=deed.action,
        resource=Entity(type=deed.resource_type, id=deed.resource_id),
        status=status,
        audit_seq=seq,
    )
    uow.publish(event, key=request.id)


async def earlier(uow: UnitOfWork, asked: Asked, *, is_emergency: bool) -> Shown | None:
    """The request of this id, if it is the same; None when there is none. Raises `RequestIdTaken`."""
    known = await approvals.get(uow.raw, asked.request_id)
    if known is None:
        return None
    same = (known.requester_id, known.deed, bool(known.emergency))
    if same != (asked.actor.person_id, deed_of(asked.question), is_emergency):
        raise RequestIdTaken
    return Shown(known, await approvals.votes_of(uow.raw, known.id))


async def _request(uow: UnitOfWork, log: Log, live: Live, asked: Asked) -> Shown:
    known = await earlier(uow, asked, is_emergency=False)
    if known is not None:
        return known
    request, _ = await requestable(uow, log, live, asked)
    await keep(uow, log, request, asked=asked)
    return Shown(request)


async def _earlier_use(uow: UnitOfWork, using: Use) -> Used | None:
    request = await approvals.get(uow.raw, using.question.approval_id)
    deed = deed_of(using.question)
    if request and is_replay(request, deed, key=using.key, used_by=using.executor_id):
        return Used(request.used_at_s or 0.0, is_repeated=True)
    return None


async def _vote(uow: UnitOfWork, log: Log, live: Live, ballot: Ballot) -> Shown:
    request = await approvals.get(uow.raw, ballot.request_id)
    if request is None:
        raise NoSuchRequest
    await check_settled(uow.raw, live, _question_of(request))
    template = template_named(live, request.template)
    if template is None:
        raise NoApprovalNeeded("the policy no longer knows the template")
    votes = await approvals.votes_of(uow.raw, request.id)
    ids = [*request.concerned, ballot.actor.person_id, *(each.approver_id for each in votes)]
    known = await people.around(uow.raw, ids, now_s=log.now_s)
    mine = _vote_of(ballot, known, log.now_s)
    if any(_is_repeated(mine, each) for each in votes):
        return Shown(request, votes)
    if template.step_up:
        check_second_factor(ballot.actor.proof, now_s=log.now_s)
    after, cast = cast_vote(request, mine, votes, template=template, people=known)
    await _keep_vote(uow, log, after, cast, ballot)
    return Shown(after, await approvals.votes_of(uow.raw, request.id))


async def _keep_vote(
    uow: UnitOfWork, log: Log, after: AccessRequest, cast: Vote, ballot: Ballot
) -> None:
    details = {
        "group": cast.group,
        "verdict": cast.verdict.value,
        "amr": sorted(ballot.actor.proof.amr),
    }
    seq = log.append(Event("vote_cast", cast.approver_id, _resource(after.id), details))
    await approvals.put_vote(uow.raw, after.id, cast, seq=seq)
    if after.status is not Status.PENDING:
        await decided(uow, log, after, by=cast.approver_id)


def _state(uow: UnitOfWork, log: Log, request: AccessRequest, *, by: str) -> int:
    status = request.status.value
    seq = log.append(Event(f"approval_{status}", by, _resource(request.id), _details(request)))
    publish(uow, request, status=status, seq=seq)
    return seq


def _new_request(
    asked: Asked, template: ApprovalTemplate, known: People, now_s: float
) -> AccessRequest:
    requester = known.active(asked.actor.person_id)
    subject = known.active(asked.question.subject_id)
    if requester is None or subject is None:
        raise NotRequestable("not_active")
    return AccessRequest(
        id=asked.request_id,
        template=template.id,
        requester_id=requester.id,
        requester_epoch=requester.epoch,
        subject_epoch=subject.epoch,
        deed=deed_of(asked.question),
        summary=asked.summary,
        requested_at_s=now_s,
        expires_at_s=now_s + min(EXPIRES_S_MAX, template.expires_h * HOUR_S),
    )


def _is_repeated(vote: Vote, before: Vote) -> bool:
    same = (vote.approver_id, vote.verdict, vote.epoch)
    groups = {"", before.group}
    return same == (before.approver_id, before.verdict, before.epoch) and vote.group in groups


def _vote_of(ballot: Ballot, known: People, now_s: float) -> Vote:
    person = known.active(ballot.actor.person_id)
    epoch = person.epoch if person else 0
    return Vote(ballot.actor.person_id, ballot.group, ballot.verdict, now_s, epoch)


def _question_of(request: AccessRequest) -> Question:
    deed = request.deed
    return Question(deed.subject_id, deed.action, deed.resource_type, deed.resource_id)


def _details(request: AccessRequest) -> dict[str, object]:
    deed = request.deed
    return {
        "template": request.template,
        "requester": request.requester_id,
        "subject": deed.subject_id,
        "deed": deed.action,
        "on": f"{deed.resource_type}:{deed.resource_id}",
        "params_hash": deed.params_hash,
    }


def _resource(request_id: str) -> str:
    return f"approval:{request_id}"
