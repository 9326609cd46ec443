"""The decision function: changes in, decisions out, in one place and in one thread."""

from collections.abc import Mapping, Sequence
from typing import Any

from accesskit import leases
from accesskit.decisions import Circumstances, Decision, Explanation, Question
from accesskit.engine import explaining, listing
from accesskit.engine.applied import Applied
from accesskit.engine.filtering import Filter, filter_of
from accesskit.engine.judging import judge_fields, with_approval
from accesskit.engine.listing import LookupPage
from accesskit.engine.outcomes import (
    NO_POLICY,
    UNKNOWN_ACTION,
    UNKNOWN_SUBJECT,
    UNKNOWN_TYPE,
)
from accesskit.engine.plans import Plan
from accesskit.engine.regime import Regime, Standing
from accesskit.relations import Tree

_NONE: frozenset[str] = frozenset()


class Engine(Applied):
    """Everything that decides, in memory. Synchronous: a check never sees half of a revision.

    Times are Unix seconds and always arguments.
    """

    def decide(
        self, question: Question, *, now_s: float, approved: frozenset[str] = _NONE
    ) -> Decision:
        """The live policy's answer.

        `approved` are the ids of approvals that the caller has verified for exactly this question: its subject,
        action, resource and parameters, unused and in time. Without circumstances the question is not one of a
        session, and neither epoch nor device is asked for. Raises `Invalid` for context of a wrong type.
        """
        live = self._live
        if live is None:
            return NO_POLICY
        standing = live.standings.get(question.subject_id)
        if (
            standing is not None
            and standing.from_s <= now_s < standing.until_s
            and question.circumstances is None
            and not question.fields
        ):
            try:
                plan = standing.plans[question.resource_type][question.action]
            except KeyError:
                return self._decide(live, question, now_s, approved)
            if plan.approval is None:
                return plan.judge(
                    question.resource_id, question.subject_id, now_s, question.context
                )
        return self._decide(live, question, now_s, approved)

    def decide_shadow(
        self, question: Question, *, now_s: float, approved: frozenset[str] = _NONE
    ) -> Decision | None:
        """The candidate policy's answer; None without a candidate."""
        if self._shadow is None:
            return None
        return self._decide(self._shadow, question, now_s, approved)

    def compare(
        self, question: Question, *, now_s: float, approved: frozenset[str] = _NONE
    ) -> tuple[Decision, Decision] | None:
        """Both policies' answers where their outcomes differ; None where they agree or there is no candidate."""
        candidate = self.decide_shadow(question, now_s=now_s, approved=approved)
        if candidate is None:
            return None
        live = self.decide(question, now_s=now_s, approved=approved)
        return None if live.outcome is candidate.outcome else (live, candidate)

    def decide_all(  # noqa: PLR0913 - one subject and action, asked of many resources
        self,
        subject_id: str,
        action: str,
        resource_type: str,
        resource_ids: Sequence[str],
        *,
        now_s: float,
        context: Mapping[str, Any] | None = None,
        circumstances: Circumstances | None = None,
    ) -> list[Decision]:
        """The answers for many resources, in their order; the same that `decide` gives for each."""
        question = Question(
            subject_id,
            action,
            resource_type,
            "",
            dict(context) if context else None,
            (),
            circumstances,
        )
        if self._live is None:
            return [NO_POLICY] * len(resource_ids)
        plan = self._resolve(self._live, question, now_s)
        if isinstance(plan, Decision):
            return [plan] * len(resource_ids)
        judge, given = plan.judge, question.context
        decisions = [judge(id_, subject_id, now_s, given) for id_ in resource_ids]
        if plan.approval is None:
            return decisions
        return [with_approval(plan.approval, decision, "", _NONE) for decision in decisions]

    def explain(
        self, question: Question, *, now_s: float, approved: frozenset[str] = _NONE
    ) -> Explanation:
        """The decision that `decide` gives, with its path, the rules that were tried, and what would change it."""
        decision = self.decide(question, now_s=now_s, approved=approved)
        principal = self._state.principals.get(question.subject_id)
        if self._live is None or principal is None:
            return Explanation(decision, self.revision, self.policy_version)
        trace = explaining.Trace(self._live, self._state, principal, question, now_s)
        return explaining.explain(trace, decision, self.revision)

    def lookup(  # noqa: PLR0913 - a question without its resource, and a page
        self,
        subject_id: str,
        action: str,
        resource_type: str,
        *,
        now_s: float,
        after_id: str = "",
        limit: int | None = None,
        context: Mapping[str, Any] | None = None,
        circumstances: Circumstances | None = None,
    ) -> LookupPage:
        """The resources that `decide` would allow, of those the facts know: ids in order, those after `after_id`."""
        question = Question(
            subject_id,
            action,
            resource_type,
            "",
            dict(context) if context else None,
            (),
            circumstances,
        )
        if self._live is None:
            return LookupPage()
        plan = self._resolve(self._live, question, now_s)
        if isinstance(plan, Decision):
            return LookupPage()
        asking = (plan.subject_type, subject_id, now_s, question.context)
        reach = listing.reach(self._live, plan, resource_type, asking)
        return listing.page(reach, self._live, plan, resource_type, after_id=after_id, limit=limit)

    def lookup_subjects(  # noqa: PLR0913 - a question without its subject, and a page
        self,
        action: str,
        resource_type: str,
        resource_id: str,
        *,
        now_s: float,
        after_id: str = "",
        limit: int | None = None,
        context: Mapping[str, Any] | None = None,
        circumstances: Circumstances | None = None,
    ) -> LookupPage:
        """The principals that `decide` would allow; nobody who is suspended, departed or a test."""
        candidates = sorted(
            id_
            for id_, principal in self._state.principals.items()
            if principal.barred is None and not principal.put.is_test and id_ > after_id
        )
        given = dict(context) if context else None
        about = (action, resource_type, resource_id, given, (), circumstances)
        answers = ((id_, self.decide(Question(id_, *about), now_s=now_s)) for id_ in candidates)
        return listing.subjects_page(answers, limit=limit)

    def filter(
        self,
        subject_id: str,
        action: str,
        resource_type: str,
        *,
        now_s: float,
        context: Mapping[str, Any] | None = None,
        circumstances: Circumstances | None = None,
    ) -> Filter:
        """What `decide` would allow, as a predicate for the caller's own SQL; valid at `now_s` and this revision."""
        given = dict(context) if context else None
        question = Question(subject_id, action, resource_type, "", given, (), circumstances)
        if self._live is None:
            return Filter()
        plan = self._resolve(self._live, question, now_s)
        if isinstance(plan, Decision):
            return Filter()
        asking = (plan.subject_type, subject_id, now_s, question.context)
        return filter_of(self._live, plan, resource_type, asking)

    def expand(
        self, resource_type: str, resource_id: str, relation: str, *, now_s: float
    ) -> Tree | None:
        """How a relation comes to hold, as a tree of facts; None without a policy. Raises `Invalid` if unknown."""
        if self._live is None:
            return None
        return self._live.relations.expand(resource_type, resource_id, relation, now_s=now_s)

    def lease(
        self, resource_type: str, resource_id: str, *, now_s: float
    ) -> leases.LeaseView | None:
        """The lease as it stands at `now_s`; None if the resource never had one, or without a policy."""
        lease = self._state.leases.get(resource_type, {}).get(resource_id)
        if lease is None or self._live is None:
            return None
        return leases.view(lease, self._live.policy.lease, now_s=now_s)

    def roles(self, principal_id: str, *, now_s: float) -> frozenset[str]:
        """The roles a principal holds now under the live policy."""
        principal = self._state.principals.get(principal_id)
        if principal is None or self._live is None:
            return _NONE
        return self._live.standing(principal.type, principal.id, now_s).who.roles

    def _decide(
        self, regime: Regime, question: Question, now_s: float, approved: frozenset[str]
    ) -> Decision:
        plan = self._resolve(regime, question, now_s)
        if isinstance(plan, Decision):
            return plan
        if question.fields:
            asking = (plan.subject_type, question.subject_id, now_s, question.context)
            decision = judge_fields(plan, question.resource_id, asking, question.fields)
        else:
            decision = plan.judge(
                question.resource_id, question.subject_id, now_s, question.context
            )
        if plan.approval is None:
            return decision
        return with_approval(plan.approval, decision, question.approval_id, approved)

    def _resolve(self, regime: Regime, question: Question, now_s: float) -> Plan | Decision:
        """The rules that concern the question, or the refusal that needs none."""
        standing = regime.standings.get(question.subject_id)
        if standing is None or not standing.from_s <= now_s < standing.until_s:
            principal = self._state.principals.get(question.subject_id)
            if principal is None:
                return UNKNOWN_SUBJECT
            if principal.barred is not None:
                return principal.barred
            standing = regime.standing(principal.type, principal.id, now_s)
            regime.standings[principal.id] = standing
        if question.circumstances is not None:
            refused = self._guard(regime, standing, question, question.circumstances)
            if refused is not None:
                return refused
        actions = standing.plans.get(question.resource_type)
        plan = None if actions is None else actions.get(question.action)
        if plan is not None:
            return plan
        is_known = regime.maker.speaks_of(question.resource_type)
        return UNKNOWN_ACTION if is_known else UNKNOWN_TYPE

    def _guard(
        self, regime: Regime, standing: Standing, question: Question, given: Circumstances
    ) -> Decision | None:
        elsewhere = regime.policy.guard.actions_elsewhere
        is_restricted = standing.is_guarded and question.action not in elsewhere
        principal = self._state.principals[question.subject_id]
        return self._state.guard(principal, given, is_restricted=is_restricted)
