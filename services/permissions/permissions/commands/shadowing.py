"""The shadow policy's disagreements, counted as questions are answered and written down every few seconds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from accesskit.decisions import Outcome

from permissions.domain.policies import Disagreement, disagree, kind_of
from permissions.store import disagreements

if TYPE_CHECKING:
    from accesskit.decisions import Decision, Question
    from servicekit.database import Database

    from permissions.domain.policies import DisagreementKind
    from permissions.queries.live import Live

KINDS_MAX = 1000
"""Kinds of disagreement held between two writes; each is of a type, an action and two rules, so there are few."""
IDLE_S = 2.0


class ShadowBook:
    """Compares each decision with the shadow's and counts where they differ; bounded, and never in anybody's way."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live
        self._found: dict[DisagreementKind, Disagreement] = {}

    def note(self, question: Question, decision: Decision, now_s: float) -> None:
        """Lets the shadow answer the same question; costs one more decision, and only while there is a shadow."""
        engine = self._live.engine
        shadow = engine.shadow_policy
        is_approved = bool(question.approval_id) and decision.outcome is Outcome.ALLOW
        approved = frozenset((question.approval_id,)) if is_approved else frozenset[str]()
        other = engine.decide_shadow(question, now_s=now_s, approved=approved)
        if shadow is None or other is None or not disagree(decision, other):
            return
        kind = kind_of(
            question,
            decision,
            other,
            live_version=engine.policy_version,
            version=shadow.version,
        )
        self._count(kind, question, datetime.fromtimestamp(now_s, UTC))

    async def write(self) -> bool:
        """Writes down what was counted; what cannot be written stays counted."""
        written = list(self._found.values())
        if written:
            async with self._database.unit_of_work() as uow:
                await disagreements.add(uow.raw, written)
        for each in written:
            self._forget(each)
        return False

    def _forget(self, written: Disagreement) -> None:
        """Keeps only what was counted since."""
        count = self._found[written.kind].count - written.count
        if count:
            self._found[written.kind] = replace(self._found[written.kind], count=count)
        else:
            del self._found[written.kind]

    def _count(self, kind: DisagreementKind, question: Question, at: datetime) -> None:
        known = self._found.get(kind)
        if known is None and len(self._found) >= KINDS_MAX:
            return
        count = known.count + 1 if known else 1
        self._found[kind] = Disagreement(kind, question.subject_id, question.resource_id, count, at)
