"""Weighs the rules of a plan: a deny wins, then any allow; what cannot be told stays open (Kleene's three values)."""

from typing import TYPE_CHECKING, Any, TypeAlias

from accesskit.decisions import Decision, Missing, Obligation, Outcome, Question
from accesskit.engine.outcomes import CompiledRule, Refusal, denial
from accesskit.engine.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

Asking: TypeAlias = "tuple[str, str, float, Mapping[str, Any] | None]"
"""Who asks, when and with what: (subject_type, subject_id, now_s, context)."""

_NONE: frozenset[str] = frozenset()


def judge(plan: Plan, resource_id: str, asking: Asking) -> Decision:
    """What the rules say when no field is named."""
    return _weigh(plan.denies, plan.allows, plan.refusal, resource_id, asking)


def judge_fields(plan: Plan, resource_id: str, asking: Asking, fields: tuple[str, ...]) -> Decision:
    """What the rules say about these fields: a rule for fields allows only what it names, and forbids any of it."""
    named = frozenset(fields)
    denies = plan.denies + tuple(r for r in plan.field_denies if not r.fields.isdisjoint(named))
    allows = plan.allows + tuple(r for r in plan.field_allows if r.fields >= named)
    refusal = plan.refusal
    if refusal.reason == "fields_required":
        refusal = denial("field_locked")
    return _weigh(denies, allows, refusal, resource_id, asking)


def conclude(
    plan: Plan, decision: Decision, question: Question, approved: frozenset[str]
) -> Decision:
    """Adds what holds beside the rules: field limits, the approval of a sensitive action, obligations."""
    if decision.outcome is Outcome.DENY:
        return decision
    limited = _limited(plan, question.fields)
    if limited is not None:
        return limited
    refused = _unapproved(plan, question, approved)
    return refused or _with_obligations(decision, _duties(plan, question.fields))


def _weigh(
    denies: tuple[CompiledRule, ...],
    allows: tuple[CompiledRule, ...],
    refusal: Decision,
    resource_id: str,
    asking: Asking,
) -> Decision:
    unclear = _NONE
    if denies:
        barred = _barred(denies, resource_id, asking)
        if isinstance(barred, Decision):
            return barred
        unclear = barred
    subject_type, subject_id, now_s, context = asking
    possible = ""
    missing = unclear
    for rule in allows:
        found = rule.verdict(resource_id, subject_type, subject_id, now_s, context)
        if found is None:
            continue
        if isinstance(found, Refusal):
            refusal = Decision(Outcome.DENY, rule.id, found.reason)
        elif isinstance(found, Missing):
            possible = possible or rule.id
            missing |= found.names
        elif unclear:
            return _conditional(rule.id, unclear)
        else:
            return Decision(Outcome.ALLOW, rule.id, "allowed", found, _NONE, rule.obligations)
    return _conditional(possible, missing) if possible else refusal


def _barred(
    denies: tuple[CompiledRule, ...], resource_id: str, asking: Asking
) -> Decision | frozenset[str]:
    """The denial by the first deny rule that holds, else what is missing to tell whether one does."""
    subject_type, subject_id, now_s, context = asking
    missing = _NONE
    for rule in denies:
        found = rule.verdict(resource_id, subject_type, subject_id, now_s, context)
        if isinstance(found, Missing):
            missing |= found.names
        elif found is not None and not isinstance(found, Refusal):
            return Decision(Outcome.DENY, rule.id, "denied_by_rule", found)
    return missing


def _conditional(rule: str, missing: frozenset[str]) -> Decision:
    return Decision(Outcome.CONDITIONAL, rule, "missing_context", None, missing)


def _limited(plan: Plan, fields: tuple[str, ...]) -> Decision | None:
    for field in fields:
        limit = plan.field_limits.get(field)
        if limit in {"locked", "hidden"}:
            return denial(f"field_{limit}", f"field.{field}")
    return None


def _unapproved(plan: Plan, question: Question, approved: frozenset[str]) -> Decision | None:
    template = plan.approval
    if template is None or question.approval_id in approved:
        return None
    reason = "approval_invalid" if question.approval_id else "approval_required"
    return denial(reason, f"approval.{template.id}", template.id)


def _duties(plan: Plan, fields: tuple[str, ...]) -> tuple[Obligation, ...]:
    duties = plan.unnamed
    if fields:
        masked = sorted(field for field in fields if field in plan.field_limits)
        duties = (Obligation("mask", {"fields": ",".join(masked)}),) if masked else ()
    if plan.approval is not None and plan.approval.step_up:
        duties += (Obligation("step-up"),)
    return duties


def _with_obligations(decision: Decision, duties: tuple[Obligation, ...]) -> Decision:
    if not duties:
        return decision
    return Decision(
        decision.outcome,
        decision.rule,
        decision.reason,
        decision.proof,
        decision.missing,
        decision.obligations + duties,
    )
