"""The decision function: changes in, decisions out, in one place and in one thread."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from accesskit import leases
from accesskit.changes import (
    Change,
    DevicePut,
    FactPut,
    FactRemoved,
    LeasePut,
    NetworkPut,
    NetworkRemoved,
    PolicyPut,
    PrincipalPut,
    SessionRevoked,
)
from accesskit.decisions import Circumstances, Decision, Explanation, Question
from accesskit.engine import explaining, listing
from accesskit.engine.filtering import Filter, filter_of
from accesskit.engine.judging import judge_fields, weigh, with_approval
from accesskit.engine.listing import LookupPage
from accesskit.engine.outcomes import (
    NO_POLICY,
    UNKNOWN_ACTION,
    UNKNOWN_SUBJECT,
    UNKNOWN_TYPE,
)
from accesskit.engine.plans import Plan
from accesskit.engine.regime import RefusedFact, Regime, Standing
from accesskit.engine.state import State
from accesskit.facts import Fact
from accesskit.policy import Policy
from accesskit.relations import Tree

_NONE: frozenset[str] = frozenset()


class Engine:
    """Everything that decides, in memory. Synchronous: a check never sees half of a revision.

    `revision` is the last applied one (0 before any). Times are Unix seconds and always arguments.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._state = State()
        self._waiting: dict[tuple[str, ...], Fact] = {}
        self._live: Regime | None = None
        self._shadow: Regime | None = None
        self._appliers: dict[type, Callable[[Any], None]] = {
            FactPut: self._put_fact,
            FactRemoved: self._remove_fact,
            PrincipalPut: self._put_principal,
            LeasePut: self._put_lease,
            DevicePut: self._put_device,
            NetworkPut: self._state.put_network,
            NetworkRemoved: self._state.remove_network,
            SessionRevoked: self._revoke_session,
        }

    @property
    def policy(self) -> Policy | None:
        """The live policy."""
        return None if self._live is None else self._live.policy

    @property
    def shadow_policy(self) -> Policy | None:
        """The candidate that is evaluated beside the live policy."""
        return None if self._shadow is None else self._shadow.policy

    @property
    def policy_version(self) -> int:
        """The live policy's version; 0 while there is none."""
        return 0 if self._live is None else self._live.policy.version

    @property
    def refused_facts(self) -> list[RefusedFact]:
        """Facts that the live policy's model has no room for: kept, but without effect."""
        return [] if self._live is None else list(self._live.refused.values())

    def apply(self, changes: Iterable[Change], *, revision: int) -> None:
        """Applies changes in order. Raises `PolicyInvalid` for a policy nobody can read, before any took effect."""
        changes = list(changes)
        policies = {
            (put.version, put.document): Policy.parse(put.document, version=put.version)
            for put in changes
            if isinstance(put, PolicyPut) and put.stage != "retired"
        }
        for change in changes:
            if isinstance(change, PolicyPut):
                self._put_policy(change, policies.get((change.version, change.document)))
            else:
                self._appliers[type(change)](change)
        self.revision = revision

    def decide(
        self, question: Question, *, now_s: float, approved: frozenset[str] = _NONE
    ) -> Decision:
        """The live policy's answer.

        `approved` are the ids of approvals that the caller has verified for exactly this question: its subject,
        action, resource and parameters, unused and in time. Without circumstances the question is not one of a
        session, and neither epoch nor device is asked for. Raises `Invalid` for context of a wrong type.
        """
        if self._live is None:
            return NO_POLICY
        return self._decide(self._live, question, now_s, approved)

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
        plan, subject_type = self._resolve(self._live, question, now_s)
        if isinstance(plan, Decision):
            return [plan] * len(resource_ids)
        asking = (subject_type, subject_id, now_s, question.context)
        denies, allows, refusal = plan.denies, plan.allows, plan.refusal
        decisions = [weigh(denies, allows, refusal, id_, *asking) for id_ in resource_ids]
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
        plan, subject_type = self._resolve(self._live, question, now_s)
        if isinstance(plan, Decision):
            return LookupPage()
        asking = (subject_type, subject_id, now_s, question.context)
        reach = listing.reach(self._live, plan, resource_type, asking)
        return listing.page(reach, plan, after_id=after_id, limit=limit)

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
    ) -> LookupPage:
        """The principals that `decide` would allow; nobody who is suspended, departed or a test."""
        candidates = sorted(
            id_
            for id_, principal in self._state.principals.items()
            if principal.barred is None and not principal.put.is_test and id_ > after_id
        )
        given = dict(context) if context else None
        answers = (
            (
                id_,
                self.decide(Question(id_, action, resource_type, resource_id, given), now_s=now_s),
            )
            for id_ in candidates
        )
        return listing.subjects_page(answers, limit=limit)

    def filter(
        self,
        subject_id: str,
        action: str,
        resource_type: str,
        *,
        now_s: float,
        context: Mapping[str, Any] | None = None,
    ) -> Filter:
        """What `decide` would allow, as a predicate for the caller's own SQL; valid at `now_s` and this revision."""
        given = dict(context) if context else None
        question = Question(subject_id, action, resource_type, "", given)
        if self._live is None:
            return Filter()
        plan, subject_type = self._resolve(self._live, question, now_s)
        if isinstance(plan, Decision):
            return Filter()
        asking = (subject_type, subject_id, now_s, question.context)
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

    def principal(self, principal_id: str) -> PrincipalPut | None:
        """What is stated of a principal."""
        principal = self._state.principals.get(principal_id)
        return None if principal is None else principal.put

    def is_void(self, subject_id: str, circumstances: Circumstances) -> bool:
        """Whether a token or session is void whatever is asked: barred subject, older epoch, revoked session."""
        principal = self._state.principals.get(subject_id)
        if principal is None:
            return False
        if principal.barred is not None:
            return True
        return self._state.guard(principal, circumstances, is_restricted=False) is not None

    def roles(self, principal_id: str, *, now_s: float) -> frozenset[str]:
        """The roles a principal holds now under the live policy."""
        principal = self._state.principals.get(principal_id)
        if principal is None or self._live is None:
            return _NONE
        return self._live.standing(principal.type, principal.id, now_s).who.roles

    def facts(self) -> Iterator[Fact]:
        """Every stated fact, counted or not; owners by lease are not among them."""
        return iter(self._waiting.values()) if self._live is None else self._live.stated_facts()

    def snapshot(self) -> Iterator[Change]:
        """Changes that make an engine like this one, policies first."""
        for regime, stage in ((self._live, "live"), (self._shadow, "shadow")):
            if regime is not None:
                policy = regime.policy
                yield PolicyPut(policy.version, policy.text, _stage(stage))
        yield from self._state.changes()
        for fact in self.facts():
            yield FactPut(fact)

    def forget_ended_sessions(self, *, now_s: float) -> None:
        """Drops revocations of sessions that have ended by themselves since."""
        revoked = self._state.revoked_sessions
        for session_id in [id_ for id_, until_s in revoked.items() if until_s <= now_s]:
            del revoked[session_id]

    def _decide(
        self, regime: Regime, question: Question, now_s: float, approved: frozenset[str]
    ) -> Decision:
        plan, subject_type = self._resolve(regime, question, now_s)
        if isinstance(plan, Decision):
            return plan
        if question.fields:
            asking = (subject_type, question.subject_id, now_s, question.context)
            decision = judge_fields(plan, question.resource_id, asking, question.fields)
        else:
            decision = weigh(
                plan.denies,
                plan.allows,
                plan.refusal,
                question.resource_id,
                subject_type,
                question.subject_id,
                now_s,
                question.context,
            )
        if plan.approval is None:
            return decision
        return with_approval(plan.approval, decision, question.approval_id, approved)

    def _resolve(
        self, regime: Regime, question: Question, now_s: float
    ) -> tuple[Plan | Decision, str]:
        """The rules that concern the question, or the refusal that needs none; and the subject's type."""
        standing = regime.standings.get(question.subject_id)
        if standing is None or not standing.from_s <= now_s < standing.until_s:
            principal = self._state.principals.get(question.subject_id)
            if principal is None:
                return UNKNOWN_SUBJECT, ""
            if principal.barred is not None:
                return principal.barred, principal.type
            standing = regime.standing(principal.type, principal.id, now_s)
        if question.circumstances is not None:
            refused = self._guard(regime, standing, question, question.circumstances)
            if refused is not None:
                return refused, standing.type
        actions = standing.plans.get(question.resource_type)
        plan = None if actions is None else actions.get(question.action)
        if plan is not None:
            return plan, standing.type
        is_known = regime.maker.speaks_of(question.resource_type)
        return UNKNOWN_ACTION if is_known else UNKNOWN_TYPE, standing.type

    def _guard(
        self, regime: Regime, standing: Standing, question: Question, given: Circumstances
    ) -> Decision | None:
        elsewhere = regime.policy.guard.actions_elsewhere
        is_restricted = standing.is_guarded and question.action not in elsewhere
        principal = self._state.principals[question.subject_id]
        return self._state.guard(principal, given, is_restricted=is_restricted)

    def _regimes(self) -> Iterator[Regime]:
        if self._live is not None:
            yield self._live
        if self._shadow is not None:
            yield self._shadow

    def _put_fact(self, change: FactPut) -> None:
        if self._live is None:
            self._waiting[change.fact.key] = change.fact
        for regime in self._regimes():
            regime.put_fact(change.fact)

    def _remove_fact(self, change: FactRemoved) -> None:
        self._waiting.pop(change.fact.key, None)
        for regime in self._regimes():
            regime.remove_fact(change.fact)

    def _put_principal(self, put: PrincipalPut) -> None:
        self._state.put_principal(put)
        for regime in self._regimes():
            regime.forget_subject(put.principal_id)

    def _put_lease(self, put: LeasePut) -> None:
        before = self._state.put_lease(put)
        for regime in self._regimes():
            regime.put_lease(put, before)

    def _put_device(self, put: DevicePut) -> None:
        self._state.devices[put.device_id] = put

    def _revoke_session(self, change: SessionRevoked) -> None:
        self._state.revoked_sessions[change.session_id] = change.until_s

    def _put_policy(self, put: PolicyPut, policy: Policy | None) -> None:
        """Puts a whole new regime in place; the old one decides until then."""
        if policy is None:
            self._retire(put.version)
            return
        regime = Regime(policy, self.facts(), self._state.leases)
        if put.stage == "live":
            self._live = regime
            self._waiting.clear()
            if self._shadow is not None and self._shadow.policy.version == put.version:
                self._shadow = None
        else:
            self._shadow = regime

    def _retire(self, version: int) -> None:
        if self._shadow is not None and self._shadow.policy.version == version:
            self._shadow = None
        if self._live is not None and self._live.policy.version == version:
            self._waiting = {fact.key: fact for fact in self._live.stated_facts()}
            self._live = None


def _stage(text: str) -> Literal["live", "shadow"]:
    return "live" if text == "live" else "shadow"
