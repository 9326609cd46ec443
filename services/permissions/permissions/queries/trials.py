"""Trying a version of the policy: what it would answer otherwise than the live one.

A trial decides in an engine of its own, in another thread, from one revision of the state; nothing else waits for it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from math import gcd
from typing import TYPE_CHECKING

from accesskit.changes import FactPut, LeasePut, PolicyPut, PrincipalPut
from accesskit.decisions import Question
from accesskit.engine import Engine
from servicekit.errors import Invalid, TooLarge

from permissions.domain.decisions import read_question
from permissions.domain.policies import Disagreement, UnknownVersion, disagree, kind_of
from permissions.store import decisions, loading, policies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import asyncpg
    from accesskit.changes import Change
    from accesskit.facts import Fact
    from accesskit.policy import Policy
    from servicekit.database import Database

    from permissions.domain.policies import DisagreementKind

QUESTIONS_MAX = 2000
SAMPLE = 10_000
SAMPLE_MAX = 50_000
PAST_QUESTIONS = 2000
KINDS_SHOWN_MAX = 200
FACTS_SHOWN_MAX = 20
TRIAL_TIMEOUT_S = 30.0


class NoCandidate(Invalid):
    """Neither a version nor a document, or both."""

    def __init__(self) -> None:
        super().__init__("state a version or a document, and not both")


class TooManyQuestions(TooLarge):
    """More questions than one trial answers."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} questions; at most {QUESTIONS_MAX} are tried at once")


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: a version, or a document that is not kept; and the questions, or the size of a sample."""

    document: str = ""
    number: int = 0
    questions: Sequence[Question] = ()
    sample_size: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the candidate compares. `refused` are facts on record that its model does not admit.

    `complete` when every possible question of the sample was asked and every kind of disagreement is among these.
    """

    disagreements: Sequence[Disagreement]
    question_count: int
    disagreement_count: int
    complete: bool
    refused: Sequence[Fact]


async def try_policy(database: Database, wanted: Trial, *, now_s: float) -> Comparison:
    """Asks the candidate and the live policy.

    Without questions of its own: the last 2,000 audited decisions, then a sample of everybody, every action and the
    resources that are known, spread evenly. Raises `NoCandidate`, `UnknownVersion`, `PolicyInvalid` or
    `TooManyQuestions`.
    """
    if bool(wanted.number) is bool(wanted.document):
        raise NoCandidate
    if len(wanted.questions) > QUESTIONS_MAX:
        raise TooManyQuestions(len(wanted.questions))
    async with database.raw() as raw, raw.transaction(isolation="repeatable_read"):
        trial = await _with_document(raw, wanted)
        changes = await loading.every_change(raw)
        past = [] if trial.questions else await decisions.latest(raw, limit=PAST_QUESTIONS)
    asked = [read_question(record.question).question for record in past]
    async with asyncio.timeout(TRIAL_TIMEOUT_S):
        return await asyncio.to_thread(_compare, changes, trial, asked, now_s)


async def _with_document(raw: asyncpg.Connection, wanted: Trial) -> Trial:
    if wanted.document:
        return wanted
    version = await policies.get(raw, wanted.number)
    if version is None:
        raise UnknownVersion(wanted.number)
    return replace(wanted, document=version.document)


def _compare(
    changes: Sequence[Change], trial: Trial, past: Sequence[Question], now_s: float
) -> Comparison:
    live, other = _engine(changes), _engine(_with_candidate(changes, trial))
    questions: Collection[Question] = trial.questions
    complete = True
    if not questions:
        wanted = min(trial.sample_size or SAMPLE, SAMPLE_MAX)
        space = _Space(changes, [engine.policy for engine in (live, other) if engine.policy])
        questions = [*past, *space.spread(wanted)]
        complete = space.size <= wanted
    counted, latest = _count(live, other, questions, now_s)
    at = datetime.fromtimestamp(now_s, UTC)
    found = [
        Disagreement(kind, *latest[kind], times, at)
        for kind, times in counted.most_common(KINDS_SHOWN_MAX)
    ]
    return Comparison(
        found,
        len(questions),
        counted.total(),
        complete and len(counted) <= KINDS_SHOWN_MAX,
        [refused.fact for refused in other.refused_facts],
    )


def _count(
    live: Engine, other: Engine, questions: Collection[Question], now_s: float
) -> tuple[Counter[DisagreementKind], Mapping[DisagreementKind, tuple[str, str]]]:
    counted: Counter[DisagreementKind] = Counter()
    latest: dict[DisagreementKind, tuple[str, str]] = {}
    for question in questions:
        before = live.decide(question, now_s=now_s)
        after = other.decide(question, now_s=now_s)
        if disagree(before, after):
            kind = kind_of(
                question,
                before,
                after,
                live_version=live.policy_version,
                version=other.policy_version,
            )
            counted[kind] += 1
            latest[kind] = (question.subject_id, question.resource_id)
    return counted, latest


def _engine(changes: Sequence[Change]) -> Engine:
    engine = Engine()
    engine.apply(changes, revision=0)
    return engine


def _with_candidate(changes: Sequence[Change], trial: Trial) -> list[Change]:
    state = [change for change in changes if not isinstance(change, PolicyPut)]
    return [PolicyPut(trial.number, trial.document, "live"), *state]


class _Space:
    """Every question that could be asked: active principals, actions of the policies, resources that are known."""

    def __init__(self, changes: Sequence[Change], deciding: Sequence[Policy]) -> None:
        self._subjects = sorted(
            change.principal_id
            for change in changes
            if isinstance(change, PrincipalPut) and change.status == "active"
        )
        resources = _resources(changes)
        self._axes = [
            (type_, action, sorted(resources.get(type_, ())) or ["permissions"])
            for type_, action in _actions(deciding)
        ]
        sizes = [len(self._subjects) * len(ids) for _, _, ids in self._axes]
        self._ends = list(accumulate(sizes))

    @property
    def size(self) -> int:
        """How many questions there are."""
        return self._ends[-1] if self._ends else 0

    def spread(self, count: int) -> Iterator[Question]:
        """That many different questions, spread evenly over all; all of them when there are no more."""
        size = self.size
        stride = _stride(size)
        return (self._question(index * stride % size) for index in range(min(count, size)))

    def _question(self, index: int) -> Question:
        axis = bisect_right(self._ends, index)
        type_, action, ids = self._axes[axis]
        within = index - (self._ends[axis - 1] if axis else 0)
        subject, resource = divmod(within, len(ids))
        return Question(self._subjects[subject], action, type_, ids[resource])


def _stride(size: int) -> int:
    """A step that visits every index once and jumps about the golden section each time."""
    stride = max(1, int(size * 0.618))
    while gcd(stride, size) > 1:
        stride += 1
    return stride


def _actions(deciding: Sequence[Policy]) -> list[tuple[str, str]]:
    return sorted(
        {
            (type_, action)
            for policy in deciding
            for rule in policy.rules
            for type_ in rule.on
            for action in rule.actions
        }
    )


def _resources(changes: Sequence[Change]) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for change in changes:
        stated = change.fact if isinstance(change, FactPut) else change
        if isinstance(change, FactPut | LeasePut):
            known.setdefault(stated.resource_type, set()).add(stated.resource_id)  # type: ignore[union-attr]
    return known
