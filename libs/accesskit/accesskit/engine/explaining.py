"""Says why: the facts behind an allow, what each rule lacked for a denial, and what would change it."""

from collections.abc import Iterator

import msgspec

from accesskit import leases
from accesskit.decisions import Decision, Explanation, Missing, Outcome, Question, facts_of
from accesskit.engine.outcomes import CompiledRule, Refusal
from accesskit.engine.plans import Plan
from accesskit.engine.regime import Regime
from accesskit.engine.state import Principal, State
from accesskit.facts import Fact
from accesskit.policy import Rule


class Trace(msgspec.Struct, frozen=True):
    """A question with all that its answer was made from."""

    regime: Regime
    state: State
    principal: Principal
    question: Question
    now_s: float


def explain(trace: Trace, decision: Decision, revision: int) -> Explanation:
    """The decision with its path, tried rules and remedies."""
    return Explanation(
        decision=decision,
        revision=revision,
        policy_version=trace.regime.policy.version,
        path=(*_role_facts(trace, decision.rule), *facts_of(decision.proof)),
        tried=tuple(_tried(trace)),
        remedies=() if decision.outcome is Outcome.ALLOW else tuple(_remedies(trace, decision)),
    )


def _role_facts(trace: Trace, rule_id: str) -> tuple[Fact, ...]:
    """The memberships by which the deciding rule concerns the subject."""
    plan = _plan(trace)
    rule = None if plan is None else plan.sources.get(rule_id)
    if rule is None or not rule.roles:
        return ()
    found = trace.regime.relations.facts(
        resource_type="role",
        relation="member",
        subject_type=trace.principal.type,
        subject_id=trace.principal.id,
    )
    return tuple(
        fact
        for fact in found
        if fact.resource_id in rule.roles and (fact.until_s is None or trace.now_s < fact.until_s)
    )


def _plan(trace: Trace) -> Plan | None:
    standing = trace.regime.standing(trace.principal.type, trace.principal.id, trace.now_s)
    return standing.plans.get(trace.question.resource_type, {}).get(trace.question.action)


def _tried(trace: Trace) -> Iterator[tuple[str, str]]:
    """Each rule about the action and type with what became of it; those of other roles with what they ask for."""
    plan = _plan(trace)
    compiled: dict[str, CompiledRule] = {}
    if plan is not None:
        compiled = {rule.id: rule for rule in plan.rules}
    for rule in trace.regime.maker.rules(trace.question.resource_type, trace.question.action):
        own = compiled.get(rule.id)
        yield rule.id, _other_role(rule) if own is None else _result(trace, rule, own)


def _other_role(rule: Rule) -> str:
    return f"no_role:{'|'.join(sorted(rule.roles | rule.principals))}"


def _result(trace: Trace, rule: Rule, compiled: CompiledRule) -> str:
    fields = frozenset(trace.question.fields)
    if rule.fields and not _concerns(rule, fields):
        return "other_fields"
    found = compiled.verdict(
        trace.question.resource_id,
        trace.principal.type,
        trace.principal.id,
        trace.now_s,
        trace.question.context,
    )
    if found is None:
        return f"no_relation:{rule.relation}" if rule.relation else "not_in_pool"
    if isinstance(found, Refusal):
        return found.reason
    if isinstance(found, Missing):
        return f"missing_context:{'|'.join(sorted(found.names))}"
    return "denies" if rule.effect == "deny" else "allows"


def _concerns(rule: Rule, fields: frozenset[str]) -> bool:
    if rule.effect == "deny":
        return not rule.fields.isdisjoint(fields)
    return bool(fields) and rule.fields >= fields


def _remedies(trace: Trace, decision: Decision) -> Iterator[str]:
    """What would change the answer, the nearest first, as `code: detail`."""
    if decision.missing:
        yield f"give_context: {', '.join(sorted(decision.missing))}"
    if decision.approval:
        yield from _approvers(trace, decision.approval)
    if decision.reason == "untrusted_device":
        yield "use_registered_device_or_trusted_network: register the device"
    if decision.reason in {"stale_epoch", "session_revoked"}:
        yield "sign_in_again: the session is void"
    if decision.reason in _BY_STANDING:
        yield from _by_lease(trace)
        yield from _by_rules(trace)


_BY_STANDING = frozenset(
    {"no_role", "no_relation", "lease_over", "cooling_down", "not_in_pool", "condition_false"}
)


def _approvers(trace: Trace, template_id: str) -> Iterator[str]:
    for template in trace.regime.policy.approvals:
        if template.id == template_id:
            for step in template.steps:
                roles = " or ".join(sorted(step.roles))
                yield f"request_approval: {template.id}, {step.need} of {roles} as {step.group}"


def _by_lease(trace: Trace) -> Iterator[str]:
    """Whose it is, since which entry, and how the lease stands."""
    asked = trace.question
    lease = trace.state.leases.get(asked.resource_type, {}).get(asked.resource_id)
    if lease is None:
        return
    view = leases.view(lease, trace.regime.policy.lease, now_s=trace.now_s)
    if lease.owner_id:
        yield f"ask_owner: user:{lease.owner_id} since entry {lease.seq}"
    yield f"lease: {view.state.value} since {view.since_s:.0f}"
    if trace.now_s < view.cool_until_s and view.former_owner_id == trace.principal.id:
        yield f"wait: until {view.cool_until_s:.0f}"


def _by_rules(trace: Trace) -> Iterator[str]:
    """The relations and roles by which rules would allow it."""
    rules = trace.regime.maker.rules(trace.question.resource_type, trace.question.action)
    allows = [rule for rule in rules if rule.effect == "allow"]
    plan = _plan(trace)
    own = {} if plan is None else plan.sources
    relations = dict.fromkeys(rule.relation for rule in allows if rule.id in own and rule.relation)
    if relations:
        yield f"need_relation: {' or '.join(relations)}"
    roles = sorted({role for rule in allows if rule.id not in own for role in rule.roles})
    if roles:
        yield f"need_role: {' or '.join(roles)}"
