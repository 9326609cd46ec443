"""Questions and answers to and from protobuf; what cannot be asked is refused here."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from accesskit.decisions import Circumstances, Outcome, Question, facts_of
from accesskit.facts import NAME_CHARS_MAX, checked_name
from accesskit.wire import fact_to_pb
from leadchain.permissions.v1 import permissions_service_pb2 as pb

from permissions.domain.decisions import (
    ANYTIME,
    CHECKS_MAX,
    Asked,
    Compact,
    Freshness,
    MalformedQuestion,
    TooManyChecks,
    binding_token,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accesskit.decisions import Decision
    from accesskit.facts import Fact
    from leadchain.permissions.v1 import changes_pb2
    from servicekit.errors import ServiceError

    from permissions.domain.audit import AuditEntry
    from permissions.domain.decisions import Answer, Explained
    from permissions.queries.entries import Verdict
    from permissions.queries.replays import Replayed

CONTEXT_BYTES_MAX = 16_384
FIELDS_MAX = 200
SEQ_MAX = 2**63 - 1
FACTS_KEPT = 16_384
"""Facts that are kept as bytes, about 200 each; most answers state one of a few managers' facts, and a lead's owner."""

_PLAIN_LETTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-"
_PLAIN_NAMES = re.compile(r"[0-9A-Za-z_.-]{1,200}", re.ASCII).fullmatch
_FOUR_PLAIN_NAMES = re.compile(
    r"[0-9A-Za-z_.-]{1,200}(?::[0-9A-Za-z_.-]{1,200}){3}", re.ASCII
).fullmatch
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII).fullmatch
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch
_ALLOW, _DENY = Outcome.ALLOW, Outcome.DENY
_context_of = msgspec.json.Decoder(dict[str, Any]).decode


def asked(request: pb.CheckRequest) -> Asked:
    """What a request asks; raises `MalformedQuestion` or `BadName`."""
    if request.params_hash and not _HASH(request.params_hash):
        raise MalformedQuestion("params_hash")
    subject_id, action, (resource_type, resource_id) = _named(request)
    question = Question(
        subject_id,
        action,
        resource_type,
        resource_id,
        context(request.context_json) if request.context_json else None,
        _fields(request.fields),
        circumstances(request),
        name(request.approval_id, "approval_id") if request.approval_id else "",
        request.params_hash,
    )
    return Asked(question, freshness(request))


def many_asked(request: pb.BatchCheckRequest) -> list[Asked]:
    """The listed questions; raises `TooManyChecks` above 2,000, `MalformedQuestion` or `BadName`."""
    if len(request.checks) > CHECKS_MAX:
        raise TooManyChecks(len(request.checks))
    if request.resource_ids:
        raise MalformedQuestion("resource_ids beside checks")
    return [asked(check) for check in request.checks]


def compact(request: pb.BatchCheckRequest) -> Compact:
    """One subject and action for many resources; raises `TooManyChecks` above 2,000, `MalformedQuestion`, `BadName`."""
    return Compact(
        subject_id=name(request.subject_id, "subject_id"),
        action=name(request.action, "action"),
        resource_type=name(request.resource_type, "resource_type"),
        resource_ids=_resource_ids(request),
        context=context(request.context_json),
        circumstances=circumstances(request) if request.HasField("circumstances") else None,
    )


def name(text: str, what: str) -> str:
    """`text` itself; raises `BadName` when it could be mistaken for another name."""
    return text if _PLAIN_NAMES(text) else checked_name(text, what)


def after(text: str) -> str:
    """The id after which a listing goes on; empty for its beginning."""
    return name(text, "after_id") if text else ""


def context(text: str) -> dict[str, Any] | None:
    """Values for conditions; raises `MalformedQuestion` unless they are a JSON object of at most 16 KiB."""
    if not text:
        return None
    if len(text) > CONTEXT_BYTES_MAX:
        raise MalformedQuestion("context_json")
    try:
        return _context_of(text)
    except (msgspec.MsgspecError, RecursionError):
        raise MalformedQuestion("context_json") from None


def circumstances(request: pb.CheckRequest | pb.BatchCheckRequest) -> Circumstances | None:
    """What the caller says about the transport of whom it asks for; None when it is not about a session."""
    if not request.HasField("circumstances"):
        return None
    stated = request.circumstances
    return Circumstances(stated.session_id, stated.device_id, stated.address, stated.epoch or None)


def freshness(request: Any) -> Freshness:
    """How fresh the answer must be."""
    if not request.HasField("consistency"):
        return ANYTIME
    return Freshness(request.consistency.at_least, request.consistency.latest)


def entity(resource: changes_pb2.Entity) -> tuple[str, str]:
    """Type and id of a resource; raises `BadName`."""
    return name(resource.type, "resource.type"), name(resource.id, "resource.id")


def check_response(answer: Answer, question: Question) -> pb.CheckResponse:
    """An answer."""
    response = pb.CheckResponse()
    _say(response, answer, question)
    return response


def stream_response(id_: int, answer: Answer, question: Question) -> pb.CheckStreamResponse:
    """An answer on an open call."""
    response = pb.CheckStreamResponse(id=id_)
    _say(response.result, answer, question)
    return response


def stream_refusal(id_: int, code: str) -> pb.CheckStreamResponse:
    """What is said of a question that was refused; the call goes on."""
    return pb.CheckStreamResponse(id=id_, error=code)


def refusal_code(error: ServiceError) -> str:
    """Why a question was refused, as the error's name in words: malformed_question, bad_name, not_yours."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def batch_response(answers: Sequence[Answer], asked_: Sequence[Asked]) -> pb.BatchCheckResponse:
    """Answers in the order of their questions."""
    results = [
        check_response(answer, each.question) for answer, each in zip(answers, asked_, strict=True)
    ]
    return pb.BatchCheckResponse(results=results, token=answers[0].token)


def outcomes_response(decisions: Sequence[Decision], token: str) -> pb.BatchCheckResponse:
    """Outcomes in the order of their resources."""
    found = [decision.outcome for decision in decisions]
    if found.count(_DENY) == len(found):
        outcomes = [pb.OUTCOME_DENY] * len(found)
    else:
        allow, allowed, deny, denied = _ALLOW, pb.OUTCOME_ALLOW, _DENY, pb.OUTCOME_DENY
        outcomes = [
            denied if outcome is deny else allowed if outcome is allow else pb.OUTCOME_CONDITIONAL
            for outcome in found
        ]
    return pb.BatchCheckResponse(outcomes=outcomes, token=token)


def explain_response(explained: Explained, question: Question) -> pb.ExplainResponse:
    """An answer with what led to it."""
    shadow = explained.shadow
    return pb.ExplainResponse(
        result=check_response(explained.answer, question),
        tried=[pb.TriedRule(rule=rule, reason=reason) for rule, reason in explained.tried],
        shadow=check_response(shadow, question) if shadow is not None else None,
    )


def replay_response(replayed: Replayed) -> pb.ReplayResponse:
    """Then and now."""
    question = replayed.question
    return pb.ReplayResponse(
        audit_seq=replayed.audit_seq,
        recorded=check_response(replayed.recorded, question),
        replayed=check_response(replayed.replayed, question),
        is_same=replayed.is_same,
    )


def after_seq(request: pb.ListAuditEntriesRequest) -> int:
    """The number after which entries are asked for; above what the log can ever hold it is the largest."""
    return min(request.after_seq, SEQ_MAX)


def audit_entries_response(entries: Sequence[AuditEntry]) -> pb.ListAuditEntriesResponse:
    """A page of the audit log as an answer."""
    response = pb.ListAuditEntriesResponse()
    for entry in entries:
        added = response.entries.add(seq=entry.seq, fact=entry.fact, hash=entry.hash)
        added.recorded_at.FromDatetime(entry.recorded_at)
    return response


def verdict_response(verdict: Verdict) -> pb.VerifyAuditResponse:
    """Whether the audit log is whole, as an answer."""
    return pb.VerifyAuditResponse(
        intact=not verdict.first_bad_seq,
        entry_count=verdict.entry_count,
        first_bad_seq=verdict.first_bad_seq,
    )


def _named(request: pb.CheckRequest) -> tuple[str, str, tuple[str, str]]:
    """Subject, action and resource."""
    subject_id, action = request.subject_id, request.action
    if request.lead_id:
        resource = ("lead", _lead_id(request.lead_id))
    else:
        stated = request.resource
        resource = (stated.type, stated.id)
    # Four names in one look, where they are plain.
    if not _FOUR_PLAIN_NAMES(f"{subject_id}:{action}:{resource[0]}:{resource[1]}"):
        name(subject_id, "subject_id")
        name(action, "action")
        name(resource[0], "resource.type")
        name(resource[1], "resource.id")
    return subject_id, action, resource


def _resource_ids(request: pb.BatchCheckRequest) -> list[str]:
    ids = list(request.resource_ids)
    if len(ids) > CHECKS_MAX:
        raise TooManyChecks(len(ids))
    if not _are_plain(ids):
        for each in ids:
            checked_name(each, "resource_ids")
    return ids


def _are_plain(ids: list[str]) -> bool:
    """Whether all are like `_PLAIN_NAMES`; all their letters are looked at in one go."""
    if not ids:
        return True
    has_lengths = all(ids) and max(map(len, ids)) <= NAME_CHARS_MAX
    return has_lengths and not "".join(ids).encode().translate(None, _PLAIN_LETTERS)


def _say(response: pb.CheckResponse, answer: Answer, question: Question) -> None:
    """Fills in an empty answer; what many answers share is merged as bytes, which is much cheaper than its fields."""
    decision = answer.decision
    outcome = decision.outcome
    said = _shared(
        _number(outcome), decision.reason, decision.rule, answer.policy_version, answer.token
    )
    facts = facts_of(decision.proof)
    for fact in facts:
        said += _stated(fact) if fact.context is None else _path(fact)
    if decision.obligations:
        said += _obliged(
            tuple([(each.kind, *each.details.items()) for each in decision.obligations])
        )
    response.MergeFromString(said)
    if facts:
        response.audit_seq = max([fact.seq for fact in facts])
    if outcome is not _ALLOW:
        response.missing.extend(sorted(decision.missing))
        response.remedies.extend(answer.remedies)
        if decision.approval:
            response.requestable.template = decision.approval
            response.requestable.binding_token = binding_token(question)
    if answer.decision_id:
        response.decision_id = answer.decision_id


def _number(outcome: Outcome) -> pb.Outcome.ValueType:
    # By identity: the hash of an enum's member is computed in Python.
    if outcome is _ALLOW:
        return pb.OUTCOME_ALLOW
    return pb.OUTCOME_DENY if outcome is _DENY else pb.OUTCOME_CONDITIONAL


@lru_cache(maxsize=1024)
def _shared(
    outcome: pb.Outcome.ValueType, reason: str, rule: str, policy_version: int, token: str
) -> bytes:
    """What all answers by a rule at a revision have in common, as bytes of a `CheckResponse`."""
    return pb.CheckResponse(
        allowed=outcome == pb.OUTCOME_ALLOW,
        reason=reason,
        outcome=outcome,
        rule=rule,
        policy_version=policy_version,
        token=token,
    ).SerializeToString()


@lru_cache(maxsize=FACTS_KEPT)
def _stated(fact: Fact) -> bytes:
    return _path(fact)


def _path(fact: Fact) -> bytes:
    return pb.CheckResponse(path=[fact_to_pb(fact)]).SerializeToString()


@lru_cache(maxsize=256)
def _obliged(obligations: tuple[tuple[Any, ...], ...]) -> bytes:
    """Obligations, each its kind and then its details, as bytes of a `CheckResponse`."""
    stated = [pb.Obligation(kind=kind, details=dict(details)) for kind, *details in obligations]
    return pb.CheckResponse(obligations=stated).SerializeToString()


def _lead_id(text: str) -> str:
    if _UUID(text):
        return text
    try:
        return str(UUID(text))
    except ValueError:
        raise MalformedQuestion("lead_id") from None


def _fields(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    if len(names) > FIELDS_MAX:
        raise MalformedQuestion("fields")
    return tuple(name(each, "fields") for each in names)
