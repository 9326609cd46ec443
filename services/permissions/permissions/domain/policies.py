"""Decides how a version of the policy becomes the live one.

A version is proposed, tried (compared with the live one on questions, or run beside it as the shadow), and then
published. Untried it is published only by force, for a reason that is recorded. One is live; a retired one can be
made live again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from accesskit.decisions import Decision, Question
from accesskit.facts import Fact
from servicekit.errors import Conflict, Invalid, NotFound

REFUSED_SHOWN_MAX = 20
"""Facts named in the refusal of a policy that does not admit them."""


class Stage(Enum):
    """Where a version stands; the values are those of the contract and of the database."""

    DRAFT = "draft"
    SHADOW = "shadow"
    LIVE = "live"
    RETIRED = "retired"


class UnknownVersion(NotFound):
    """No version has this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no policy version {number}")
        self.number = number


class NotTried(Conflict):
    """The version was never compared with the live one."""

    def __init__(self, number: int) -> None:
        super().__init__(f"policy version {number} was never dry-run or shadowed")
        self.number = number


class WrongStage(Conflict):
    """What is asked for does not follow from where the version stands."""

    def __init__(self, number: int, stage: Stage) -> None:
        super().__init__(f"policy version {number} is {stage.value}")
        self.number = number
        self.stage = stage


class NothingReplaced(Conflict):
    """The live version is the first one; there is nothing to go back to."""

    def __init__(self) -> None:
        super().__init__("the live policy replaced none")


class ForceWithoutReason(Invalid):
    """An untried version may be forced only for a reason."""

    def __init__(self) -> None:
        super().__init__("publishing by force needs a reason")


class FactsRefused(Conflict):
    """Facts on record that the version's model does not admit; `count` in all, some of them named by kind."""

    def __init__(self, number: int, facts: Sequence[Fact]) -> None:
        kinds = sorted({f"{fact.resource_type}#{fact.relation}" for fact in facts})
        named = ", ".join(str(fact) for fact in facts[:REFUSED_SHOWN_MAX])
        super().__init__(
            f"policy version {number} does not admit {len(facts)} facts on record"
            f" ({', '.join(kinds[:REFUSED_SHOWN_MAX])}): {named}"
        )
        self.number = number
        self.count = len(facts)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the policy: its number, document and stage, who proposed it when, and when it was last tried.

    `seq` is the audit entry that put it where it stands.
    """

    number: int
    document: str
    stage: Stage
    proposed_by: str
    proposed_at: datetime
    seq: int
    tried_at: datetime | None = None


class DisagreementKind(NamedTuple):
    """Two versions that answer a kind of question differently; an answer is `outcome rule`."""

    version: int
    live_version: int
    resource_type: str
    action: str
    live_answer: str
    answer: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How often two versions disagreed in one way, when last, and who asked about what that time."""

    kind: DisagreementKind
    subject_id: str
    resource_id: str
    count: int
    last_at: datetime


def answer_of(decision: Decision) -> str:
    """What disagreements compare and show: the outcome and the rule that made it."""
    return f"{decision.outcome.value} {decision.rule}"


def disagree(live: Decision, other: Decision) -> bool:
    """Whether somebody would notice: another outcome, other obligations, or another approval."""
    return (live.outcome, live.obligations, live.approval) != (
        other.outcome,
        other.obligations,
        other.approval,
    )


def kind_of(
    question: Question, live: Decision, other: Decision, *, live_version: int, version: int
) -> DisagreementKind:
    """The kind that a disagreement is counted under."""
    return DisagreementKind(
        version,
        live_version,
        question.resource_type,
        question.action,
        answer_of(live),
        answer_of(other),
    )


def check_shadowable(version: Version) -> None:
    """Raises `WrongStage` unless the version can run beside the live one."""
    if version.stage in {Stage.LIVE, Stage.SHADOW}:
        raise WrongStage(version.number, version.stage)


def check_publishable(version: Version, *, force: bool, reason: str) -> None:
    """Raises `WrongStage`, `NotTried` or `ForceWithoutReason` unless the version can become the live one."""
    if version.stage is Stage.LIVE:
        raise WrongStage(version.number, version.stage)
    if force and not reason.strip():
        raise ForceWithoutReason
    if not force and version.tried_at is None:
        raise NotTried(version.number)


def check_restorable(version: Version) -> None:
    """Raises `WrongStage` unless the version was live before."""
    if version.stage is not Stage.RETIRED:
        raise WrongStage(version.number, version.stage)
