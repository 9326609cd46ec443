"""Checks: the engine's answer, made fresh enough, with its approval looked up and its record written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from accesskit.decisions import Outcome
from accesskit.guard import circumstances_of
from servicekit.errors import Unauthenticated
from servicekit.events import new_id

from permissions.domain.decisions import (
    ANYTIME,
    Answer,
    Explained,
    NotYours,
    Past,
    Record,
    written_answer,
    written_question,
)
from permissions.queries.decisions import may_ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accesskit.decisions import Decision, Question
    from accesskit.policy import Policy
    from servicekit.auth import Caller

    from permissions.commands.decisions import Recorder
    from permissions.domain.decisions import Asked, Compact, Freshness
    from permissions.queries.decisions import Standing
    from permissions.queries.live import Live

_OUTCOMES = tuple(Outcome)
_DENY = Outcome.DENY


class Checks:
    """Answers checks. What the state in memory can answer is answered without waiting.

    Denials, and whatever concerns a sensitive action, are recorded singly; what an approval allows is answered once
    its record is committed. Other answers are counted.
    """

    def __init__(self, live: Live, recorder: Recorder, standing: Standing) -> None:
        self._live = live
        self._recorder = recorder
        self._standing = standing
        self._policy: Policy | None = None
        self._sensitive: frozenset[tuple[str, str]] = frozenset()
        self._parameters: frozenset[str] = frozenset()

    def at_once(self, asked: Asked, caller: Caller | None) -> Answer | None:
        """The answer of the state as it is; None when it has to be brought up to date or others be asked first."""
        live = self._live
        if not self._is_fresh(asked.freshness):
            return None
        question = asked.question
        if not may_ask(live, caller, question.subject_id) or caller is None:
            return None
        if self._is_sensitive(question.resource_type, question.action):
            return None
        past = Past(_seen(question, caller), live.now_s)
        decision = live.engine.decide(past.question, now_s=past.now_s)
        if self._may_be_unknown(past.question, decision):
            return None
        if decision.outcome is _DENY or live.on_decided:
            return self._answered(past, decision, caller)
        self._recorder.count(question.subject_id, question.action, decision.outcome)
        return Answer(decision, live.engine.policy_version, live.token)

    async def check(self, asked: Asked, caller: Caller | None) -> Answer:
        """The answer; raises what `answer_all` does."""
        answer = self.at_once(asked, caller)
        if answer is not None:
            return answer
        [answer] = await self.answer_all([asked], caller)
        return answer

    async def answer_all(
        self,
        asked: Sequence[Asked],
        caller: Caller | None,
        freshness: Freshness = ANYTIME,
    ) -> list[Answer]:
        """The answers, in order, all of one revision; remedies only where a single question is asked.

        Raises `NotYours`, `Unavailable`, what a bad consistency token raises, or `Invalid` for context of a wrong type.
        """
        subject_ids = {each.question.subject_id for each in asked}
        is_latest = await self._settle(asked, caller, freshness)
        caller = self._admitted(caller, subject_ids)
        pasts = [await self._past(each.question, caller) for each in asked]
        decisions = self._decide_all(pasts)
        if not is_latest and any(
            self._may_be_unknown(past.question, decision)
            for past, decision in zip(pasts, decisions, strict=True)
        ):
            await self._live.catch_up()
            decisions = self._decide_all(pasts)
        return await self._kept(pasts, decisions, caller)

    async def outcomes(
        self, compact: Compact, caller: Caller | None, freshness: Freshness
    ) -> list[Decision]:
        """The decisions for many resources, in order, all of one revision. They are counted, not recorded singly."""
        live = self._live
        await live.at_least(freshness.at_least)
        is_sensitive = self._is_sensitive(compact.resource_type, compact.action)
        is_latest = freshness.latest or is_sensitive
        if is_latest or not may_ask(live, caller, compact.subject_id):
            await live.catch_up()
        caller = self._admitted(caller, {compact.subject_id})
        decisions = self._decide_compact(compact, caller)
        if not is_latest and self._has_unknown(compact, decisions):
            await live.catch_up()
            decisions = self._decide_compact(compact, caller)
        self._count(compact, decisions)
        return decisions

    async def explain(self, asked: Asked, caller: Caller | None) -> Explained:
        """The answer that `check` gives, what led to it, and what a candidate policy would have answered."""
        answer = await self.check(asked, caller)
        caller = self._admitted(caller, {asked.question.subject_id})
        past = await self._past(asked.question, caller)
        live, engine = self._live, self._live.engine
        tried = engine.explain(past.question, now_s=past.now_s, approved=past.approved).tried
        candidate = engine.decide_shadow(past.question, now_s=past.now_s, approved=past.approved)
        shadow = engine.shadow_policy
        if candidate is None or shadow is None:
            return Explained(answer, tried)
        return Explained(
            answer, tried, Answer(past.explained(candidate), shadow.version, live.token)
        )

    def _is_fresh(self, freshness: Freshness) -> bool:
        """Whether the state as it is will do; raises what a bad consistency token raises."""
        live = self._live
        if freshness.latest or live.is_stale:
            return False
        return not freshness.at_least or live.has_reached(freshness.at_least)

    async def _settle(
        self, asked: Sequence[Asked], caller: Caller | None, freshness: Freshness
    ) -> bool:
        """Brings the state up to what the questions need; says whether it was compared with the log just now."""
        live = self._live
        for token in {each.freshness.at_least for each in asked} | {freshness.at_least}:
            await live.at_least(token)
        is_latest = freshness.latest or any(
            each.freshness.latest
            or self._is_sensitive(each.question.resource_type, each.question.action)
            for each in asked
        )
        subject_ids = {each.question.subject_id for each in asked}
        if is_latest or not all(may_ask(live, caller, each) for each in subject_ids):
            await live.catch_up()
            return True
        return False

    def _admitted(self, caller: Caller | None, subject_ids: set[str]) -> Caller:
        if caller is None:
            raise Unauthenticated("missing")
        if not all(may_ask(self._live, caller, each) for each in subject_ids):
            raise NotYours
        return caller

    async def _past(self, question: Question, caller: Caller) -> Past:
        """The question at this moment, with what is found about its approval."""
        standing = ""
        if question.approval_id and self._is_sensitive(question.resource_type, question.action):
            standing = await self._standing(question)
        return Past(_seen(question, caller), self._live.now_s, standing)

    def _decide_all(self, pasts: Sequence[Past]) -> list[Decision]:
        decide = self._live.engine.decide
        return [
            past.explained(decide(past.question, now_s=past.now_s, approved=past.approved))
            for past in pasts
        ]

    def _count(self, compact: Compact, decisions: Sequence[Decision]) -> None:
        found = [decision.outcome for decision in decisions]
        for outcome in _OUTCOMES:
            times = found.count(outcome)
            if times:
                self._recorder.count(compact.subject_id, compact.action, outcome, times=times)

    def _decide_compact(self, compact: Compact, caller: Caller) -> list[Decision]:
        given = compact.circumstances
        return self._live.engine.decide_all(
            compact.subject_id,
            compact.action,
            compact.resource_type,
            compact.resource_ids,
            now_s=self._live.now_s,
            context=compact.context,
            circumstances=circumstances_of(caller)
            if caller.subject == compact.subject_id
            else given,
        )

    async def _kept(
        self, pasts: Sequence[Past], decisions: Sequence[Decision], caller: Caller
    ) -> list[Answer]:
        """The answers, once what must be on record is."""
        must_be_kept: list[Record] = []
        answers = [
            self._answered(past, decision, caller, must_be_kept, with_remedies=len(pasts) == 1)
            for past, decision in zip(pasts, decisions, strict=True)
        ]
        if must_be_kept:
            await self._recorder.keep(must_be_kept)
        return answers

    def _answered(
        self,
        past: Past,
        decision: Decision,
        caller: Caller,
        must_be_kept: list[Record] | None = None,
        *,
        with_remedies: bool = True,
    ) -> Answer:
        live, question = self._live, past.question
        if live.on_decided and live.engine.shadow_policy is not None:
            for tell in live.on_decided:
                tell(question, decision, past.now_s)
        version = live.engine.policy_version
        is_sensitive = self._is_sensitive(question.resource_type, question.action)
        if decision.outcome is not Outcome.DENY and not is_sensitive:
            self._recorder.count(question.subject_id, question.action, decision.outcome)
            return Answer(decision, version, live.token)
        record = self._record(past, decision, caller)
        if decision.outcome is Outcome.ALLOW and must_be_kept is not None:
            must_be_kept.append(record)
        else:
            self._recorder.note(record)
        remedies = self._remedies(past) if with_remedies else ()
        return Answer(decision, version, live.token, record.decision_id, remedies)

    def _remedies(self, past: Past) -> tuple[str, ...]:
        explanation = self._live.engine.explain(
            past.question, now_s=past.now_s, approved=past.approved
        )
        return explanation.remedies

    def _record(self, past: Past, decision: Decision, caller: Caller) -> Record:
        question, engine = past.question, self._live.engine
        return Record(
            decision_id=new_id(),
            asked_by=caller.subject,
            subject_id=question.subject_id,
            resource=f"{question.resource_type}:{question.resource_id}",
            action=question.action,
            outcome=decision.outcome,
            reason=decision.reason,
            question=written_question(past, self._parameters),
            answer=written_answer(decision, policy_version=engine.policy_version),
            revision=engine.revision,
            policy_version=engine.policy_version,
            decided_at_s=past.now_s,
        )

    def _is_sensitive(self, resource_type: str, action: str) -> bool:
        if self._live.engine.policy is not self._policy:
            self._read_policy()
        return (resource_type, action) in self._sensitive

    def _read_policy(self) -> None:
        """Keeps what is asked of the policy at every check: its sensitive actions and its conditions' parameters."""
        policy = self._policy = self._live.engine.policy
        approvals = () if policy is None else policy.approvals
        conditions = () if policy is None else policy.model.conditions
        self._sensitive = frozenset(
            (type_, action) for each in approvals for type_ in each.on for action in each.actions
        )
        self._parameters = frozenset(
            parameter for condition in conditions for parameter, _ in condition.parameters
        )

    def _has_unknown(self, compact: Compact, decisions: Sequence[Decision]) -> bool:
        """Whether a refusal may be due to a subject or resource that the state does not know yet."""
        if not decisions or decisions[0].reason == "unknown_subject":
            return bool(decisions)
        refused = [
            id_
            for decision, id_ in zip(decisions, compact.resource_ids, strict=True)
            if decision.reason == "no_relation"
        ]
        return not self._live.engine.knows_owners_of(compact.resource_type, refused)

    def _may_be_unknown(self, question: Question, decision: Decision) -> bool:
        if decision.outcome is not Outcome.DENY:
            return False
        if decision.reason == "no_relation":
            asked = (question.resource_id,)
            return not self._live.engine.knows_owners_of(question.resource_type, asked)
        return decision.reason == "unknown_subject"


def _seen(question: Question, caller: Caller) -> Question:
    """The question; of oneself the token says in which session, of others the one who asks for them does."""
    if question.subject_id != caller.subject:
        return question
    return msgspec.structs.replace(question, circumstances=circumstances_of(caller))
