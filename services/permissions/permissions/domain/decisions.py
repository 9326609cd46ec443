"""Questions and answers as they are asked, bounded, bound to approvals and recorded.

What may be done is decided by the engine (`accesskit.engine`); here is what surrounds a decision: who may ask it,
what of it is written down, and how a record is compared with the same decision made again.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from accesskit.canonical import canonical_json
from accesskit.decisions import Decision, Obligation, Outcome, Question, facts_of
from accesskit.facts import Fact
from servicekit.errors import Conflict, Forbidden, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from accesskit.decisions import Circumstances

CHECKS_MAX = 2000
"""Questions in one batch."""
PAGE_IDS_MAX = 2000
"""Ids in one message of a lookup."""
MINUTE_S = 60
STANDS = "stands"
"""What is found about an approval that serves."""


class TooManyChecks(Invalid):
    """More questions at once than are answered."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} checks at once, {CHECKS_MAX} are answered")
        self.count = count


class MalformedQuestion(Invalid):
    """A question that cannot be asked; `part` names what is wrong with it, never its value."""

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} is missing or malformed")
        self.part = part


class NotYours(Forbidden):
    """Asking about others than oneself needs the right `ask`."""

    def __init__(self) -> None:
        super().__init__(
            "not_yours: asking about others needs the action ask on platform:permissions"
        )


class PinnedStateGone(Conflict):
    """The state that a traversal began with is no longer at hand; it has to begin anew."""

    def __init__(self) -> None:
        super().__init__("the pinned state is gone, begin the traversal anew")


class UnknownDecision(NotFound):
    """No decision is audited under this id."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"no decision {decision_id}")
        self.decision_id = decision_id


class RecordAltered(Conflict):
    """A recorded decision does not fit the digest that the audit log holds of it."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"the record of decision {decision_id} does not fit the audit log")
        self.decision_id = decision_id


class Freshness(msgspec.Struct, frozen=True, gc=False):
    """How new the state must be: no older than a consistency token, or all that was committed before the question."""

    at_least: str = ""
    latest: bool = False


ANYTIME = Freshness()
"""Any state that is not stale will do."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A question, and how fresh its answer must be."""

    question: Question
    freshness: Freshness = ANYTIME


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A decision with the state it was made from; `remedies` say what would change a refusal.

    `decision_id` is empty for a decision that is not audited.
    """

    decision: Decision
    policy_version: int
    token: str
    decision_id: str = ""
    remedies: tuple[str, ...] = ()


class Compact(msgspec.Struct, frozen=True):
    """One subject and action, asked of many resources of a type."""

    subject_id: str
    action: str
    resource_type: str
    resource_ids: Sequence[str]
    context: dict[str, Any] | None = None
    circumstances: Circumstances | None = None


class Explained(msgspec.Struct, frozen=True):
    """An answer, each rule that might have allowed it and why it did not, and a candidate policy's answer."""

    answer: Answer
    tried: tuple[tuple[str, str], ...] = ()
    shadow: Answer | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """An audited decision: question and answer as canonical JSON, the state and the time (Unix seconds) of deciding.

    `asked_by` is who asked, on their own behalf or on the subject's.
    """

    decision_id: str
    asked_by: str
    subject_id: str
    resource: str
    action: str
    outcome: Outcome
    reason: str
    question: bytes
    answer: bytes
    revision: int
    policy_version: int
    decided_at_s: float

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over question and answer: what the audit log keeps of them."""
        return hashlib.sha256(self.question + b"\n" + self.answer).hexdigest()


def binding_token(question: Question) -> str:
    """Binds a request for approval to subject, action, resource and arguments: base64url of SHA-256."""
    bound = {
        "subject": question.subject_id,
        "action": question.action,
        "resource": [question.resource_type, question.resource_id],
        "params_hash": question.params_hash,
    }
    digest = hashlib.sha256(canonical_json(bound)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def newest_seq(decision: Decision) -> int:
    """The audit entry of the newest fact of the proof; 0 without a proof."""
    return max((fact.seq for fact in facts_of(decision.proof)), default=0)


class Past(msgspec.Struct, frozen=True, gc=False):
    """A question as it was decided: at a time (Unix seconds), with what was found about its approval.

    `standing` is empty when no approval was looked for, `STANDS`, or why it did not serve.
    """

    question: Question
    now_s: float
    standing: str = ""

    @property
    def approved(self) -> frozenset[str]:
        """The approval, where it stood."""
        return frozenset((self.question.approval_id,)) if self.standing == STANDS else frozenset()

    def explained(self, decision: Decision) -> Decision:
        """The decision, with the exact reason why an approval did not serve."""
        if decision.reason != "approval_invalid" or not self.standing:
            return decision
        return msgspec.structs.replace(decision, reason=self.standing)


def written_question(past: Past, parameters: Collection[str]) -> bytes:
    """The question as canonical JSON. Of the context only what the policy's conditions read is kept."""
    plain = msgspec.to_builtins(past)
    context = past.question.context or {}
    kept = {name: value for name, value in context.items() if name in parameters}
    plain["question"]["context"] = kept or None
    return canonical_json(plain)


def read_question(written: bytes) -> Past:
    """What `written_question` wrote."""
    return msgspec.json.decode(written, type=Past)


def written_answer(decision: Decision, *, policy_version: int) -> bytes:
    """The decision as canonical JSON, with its proof as a list of facts."""
    return canonical_json(
        {
            "outcome": decision.outcome.value,
            "rule": decision.rule,
            "reason": decision.reason,
            "path": [msgspec.to_builtins(fact) for fact in facts_of(decision.proof)],
            "missing": sorted(decision.missing),
            "obligations": [msgspec.to_builtins(each) for each in decision.obligations],
            "approval": decision.approval,
            "policy_version": policy_version,
        }
    )


def read_answer(written: bytes) -> tuple[Decision, int]:
    """What `written_answer` wrote: the decision and the version of its policy."""
    plain: dict[str, Any] = msgspec.json.decode(written)
    decision = Decision(
        Outcome(plain["outcome"]),
        plain["rule"],
        plain["reason"],
        proof=tuple(msgspec.convert(fact, Fact) for fact in plain["path"]) or None,
        missing=frozenset(plain["missing"]),
        obligations=tuple(msgspec.convert(each, Obligation) for each in plain["obligations"]),
        approval=plain["approval"],
    )
    return decision, plain["policy_version"]
