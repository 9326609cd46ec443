"""Who may do what with a lease, and what is asked about leases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from accesskit.canonical import params_hash
from accesskit.decisions import Circumstances, Outcome, Question
from accesskit.guard import ACT_FOR, Refusal
from accesskit.leases import LeaseState
from servicekit.auth import current_caller
from servicekit.errors import Unauthenticated, Unavailable

from permissions.domain.leases import UnknownLease
from permissions.queries.rights import APPROVAL_REQUIRED
from permissions.store import audit, lease_states
from permissions.store import leases as store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accesskit.facts import Entity
    from accesskit.leases import LeaseView
    from accesskit.policy import LeaseTerms
    from servicekit.auth import Caller
    from servicekit.database import Database

    from permissions.domain.audit import AuditEntry
    from permissions.queries.live import Live
    from permissions.store.lease_states import Wanted

HISTORY_MAX = 100
SEQ_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asker:
    """Whom a request concerns, and the caller: themselves, or a gateway that acts for them.

    `circumstances` are how they came in; nothing is known of that when a gateway acts for them.
    """

    id: str
    caller: Caller
    circumstances: Circumstances | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wants to do an action to a resource."""

    asker: Asker
    action: str
    resource: Entity


@dataclass(frozen=True, slots=True)
class LeaseEvent:
    """Something that happened to a lease, as the log states it."""

    entry: AuditEntry
    stated: dict[str, object]


@dataclass(frozen=True, slots=True)
class LeaseStory:
    """A lease as it stands, and what happened to it, newest first; empty for who may not read it."""

    view: LeaseView
    history: Sequence[LeaseEvent]


@dataclass(frozen=True, slots=True)
class Page:
    """Leases in order, and where the page ended; None when it was the last."""

    leases: Sequence[LeaseView]
    end: Entity | None


def terms_of(live: Live) -> LeaseTerms:
    """The lease terms of the live policy; raises `Unavailable` while there is none."""
    policy = live.engine.policy
    if policy is None:
        raise Unavailable("no policy is live")
    return policy.lease


async def asker(live: Live, actor_id: str) -> Asker:
    """Who asks: the caller, or the person for whom a caller with the right to acts.

    Raises `Unauthenticated` where nobody can be named, and `Refusal`.
    """
    caller = current_caller()
    if caller is None:
        raise Unauthenticated("anonymous")
    circumstances = Circumstances(
        session_id=caller.session_id, device_id=caller.device_id, epoch=caller.epoch
    )
    if actor_id in {"", caller.subject}:
        return Asker(caller.subject, caller, circumstances)
    await _permit(
        live,
        Question(caller.subject, ACT_FOR, "platform", "permissions", circumstances=circumstances),
    )
    return Asker(actor_id, caller)


async def permit(live: Live, asking: Asker, action: str, resources: Sequence[Entity]) -> None:
    """Returns when the asker may do the action to every resource; raises `Refusal` for the first that they may not."""
    for resource in resources:
        await _permit(live, _question(asking, action, resource))


async def permit_approved(
    live: Live, ask: Asked, *, approval_id: str, params: Mapping[str, object]
) -> Question | None:
    """The question that an approval must serve before this may be done; None when none is needed.

    `params` are the action's arguments, to which the approval is bound. Raises `Refusal`.
    """
    question = _question(ask.asker, ask.action, ask.resource)
    if approval_id:
        await live.catch_up()
        decision = live.engine.decide(question, now_s=live.now_s)
        if decision.reason == APPROVAL_REQUIRED:
            return msgspec.structs.replace(
                question, approval_id=approval_id, params_hash=params_hash(dict(params))
            )
    await _permit(live, question)
    return None


async def get_lease(database: Database, live: Live, asking: Asker, resource: Entity) -> LeaseStory:
    """A lease and its history, which somebody who follows an owner sees from the beginning.

    Raises `UnknownLease` or `Refusal`.
    """
    await permit(live, asking, "read", [resource])
    async with database.raw() as raw:
        leases = await store.of_resources(raw, [resource])
        about = await audit.entries_about(
            raw, str(resource), "", before_seq=SEQ_MAX, limit=HISTORY_MAX
        )
    if resource not in leases:
        raise UnknownLease
    may_look_back = _may(live, _question(asking, "read_history", resource))
    history = [LeaseEvent(entry, json.loads(entry.fact)) for entry in about if may_look_back]
    return LeaseStory(leases[resource].at(terms_of(live), live.now_s), history)


async def list_leases(database: Database, live: Live, asking: Asker, wanted: Wanted) -> Page:
    """A page of the leases that the asker may read; it may hold fewer than there are left."""
    terms, now_s = terms_of(live), live.now_s
    async with database.raw() as raw:
        leases = await lease_states.listed(raw, wanted, terms, now_s=now_s)
    readable = [
        lease.at(terms, now_s)
        for lease in leases
        if _may(live, _question(asking, "read", lease.resource))
    ]
    return Page(readable, leases[-1].resource if len(leases) == wanted.limit else None)


async def preview_leases(
    database: Database, live: Live, candidate: LeaseTerms
) -> dict[LeaseState, tuple[int, int]]:
    """How many leases are in each state now, and how many would be under the candidate terms."""
    now_s = live.now_s
    async with database.raw() as raw, raw.transaction(isolation="repeatable_read"):
        today = await lease_states.counts(raw, terms_of(live), now_s=now_s)
        then = await lease_states.counts(raw, candidate, now_s=now_s)
    return {state: (today.get(state.value, 0), then.get(state.value, 0)) for state in LeaseState}


def _question(asking: Asker, action: str, resource: Entity) -> Question:
    return Question(
        asking.id, action, resource.type, resource.id, circumstances=asking.circumstances
    )


def _may(live: Live, question: Question) -> bool:
    return live.engine.decide(question, now_s=live.now_s).outcome is Outcome.ALLOW


async def _permit(live: Live, question: Question) -> None:
    """A refusal holds only by the newest state."""
    live.refuse_stale()
    if _may(live, question):
        return
    await live.catch_up()
    explanation = live.engine.explain(question, now_s=live.now_s)
    if explanation.decision.outcome is not Outcome.ALLOW:
        raise Refusal(question.action, explanation.decision.reason, explanation.remedies)
