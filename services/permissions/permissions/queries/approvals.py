"""What can be asked of approvals; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accesskit.decisions import Outcome, Question

from permissions.domain.approvals import AccessRequest, Deed, Denial, NoSuchRequest, denial
from permissions.domain.approvers import with_role_in
from permissions.domain.audit import sealing_context
from permissions.store import approvals, people

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from accesskit.policy import ApprovalTemplate
    from servicekit.database import Database

    from permissions.domain.approvers import Vote
    from permissions.queries.acting import Actor
    from permissions.queries.live import Live


@dataclass(frozen=True, slots=True)
class Shown:
    """A request with its votes, and why it was asked for where that is shown and was not erased."""

    request: AccessRequest
    votes: Sequence[Vote] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Requests in the order of their ids; `is_complete` when there are no more."""

    requests: Sequence[AccessRequest]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page of requests: those made by `person_id`, or those that await their vote."""

    person_id: str
    is_awaiting_vote: bool
    after_id: str
    page_size: int


async def standing(database: Database, live: Live, question: Question) -> Denial | None:
    """Why the approval that a question names does not permit it now; None when it does.

    Changes nothing: the approval is used up by `commands.approvals.use`. The live state must have caught up. A
    question that stands is decided by the engine with `approved={question.approval_id}`.
    """
    async with (
        database.raw() as raw,
        raw.transaction(isolation="repeatable_read", readonly=True),
    ):
        request = await approvals.get(raw, question.approval_id)
        return await denial_of(raw, live, question, request, now_s=live.now_s)


async def denial_of(
    raw: asyncpg.Connection,
    live: Live,
    question: Question,
    request: AccessRequest | None,
    *,
    now_s: float,
) -> Denial | None:
    """Judges an approval again: the people and roles on record, then the live policy with the approval granted."""
    votes = await approvals.votes_of(raw, request.id) if request else []
    ids = [*request.concerned, *(vote.approver_id for vote in votes)] if request else []
    refused = denial(
        request,
        votes,
        deed_of(question),
        template=template_for(live, question),
        people=await people.around(raw, ids, now_s=now_s),
        now_s=now_s,
    )
    if refused is not None:
        return refused
    approved = frozenset({question.approval_id})
    decision = live.engine.decide(question, now_s=now_s, approved=approved)
    return None if decision.outcome is Outcome.ALLOW else Denial.POLICY


async def get_request(database: Database, live: Live, request_id: str, *, actor: Actor) -> Shown:
    """One request, shown to those whom it concerns, who may decide on it, or who may read approvals.

    Raises `NoSuchRequest` to everybody else too.
    """
    async with database.raw() as raw:
        request = await approvals.get(raw, request_id)
        if request is None or not await _may_see(raw, live, request, actor.person_id):
            raise NoSuchRequest
        votes = await approvals.votes_of(raw, request_id)
        return Shown(request, votes, _opened(live, await approvals.reason_of(raw, request_id)))


async def list_requests(database: Database, live: Live, wanted: Wanted) -> Page:
    """A page of the requests that somebody made, or of those that wait for their vote."""
    async with database.raw() as raw:
        found = await _found(raw, live, wanted, limit=wanted.page_size + 1)
    return Page(found[: wanted.page_size], len(found) <= wanted.page_size)


def deed_of(question: Question) -> Deed:
    """What the question is about, as an approval is bound to it."""
    return Deed(
        question.subject_id,
        question.action,
        question.resource_type,
        question.resource_id,
        question.params_hash,
    )


def template_for(live: Live, question: Question) -> ApprovalTemplate | None:
    """The approval that the live policy wants for it."""
    policy = live.engine.policy
    return policy.approval(question.resource_type, question.action) if policy else None


def template_named(live: Live, name: str) -> ApprovalTemplate | None:
    """The live policy's template of this name."""
    policy = live.engine.policy
    return next((each for each in policy.approvals if each.id == name), None) if policy else None


def _opened(live: Live, reason: tuple[int, bytes] | None) -> str:
    if reason is None or live.field_keys is None:
        return ""
    seq, sealed = reason
    return live.field_keys.open(sealed, sealing_context(seq, "reason")).decode()


async def _found(
    raw: asyncpg.Connection, live: Live, wanted: Wanted, *, limit: int
) -> list[AccessRequest]:
    person_id, after_id = wanted.person_id, wanted.after_id
    if not wanted.is_awaiting_vote:
        return await approvals.made_by(raw, person_id, after_id=after_id, limit=limit)
    templates = await _templates_of(raw, live, person_id)
    return await approvals.awaiting(
        raw, person_id, templates, after_id=after_id, limit=limit, now_s=live.now_s
    )


async def _may_see(
    raw: asyncpg.Connection, live: Live, request: AccessRequest, person_id: str
) -> bool:
    if person_id in request.concerned:
        return True
    if request.template in await _templates_of(raw, live, person_id):
        return True
    question = Question(person_id, "read", "approval", request.id)
    return live.engine.decide(question, now_s=live.now_s).outcome is Outcome.ALLOW


async def _templates_of(raw: asyncpg.Connection, live: Live, person_id: str) -> list[str]:
    policy = live.engine.policy
    known = await people.around(raw, [person_id], now_s=live.now_s)
    person = known.active(person_id)
    if policy is None or person is None:
        return []
    return [each.id for each in policy.approvals if with_role_in(each, person.roles)]
