"""Weighs the rules of a plan: a deny wins, then any allow; what cannot be told stays open (Kleene's three values)."""

from typing import TYPE_CHECKING, Any, TypeAlias

from accesskit.decisions import Decision, Missing, Obligation, Outcome
from accesskit.engine.outcomes import CompiledRule, Refusal, denial
from accesskit.engine.plans import Plan
from accesskit.policy import ApprovalTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

Asking: TypeAlias = "tuple[str, str, float, Mapping[str, Any] | None]"
"""Who asks, when and with what: (subject_type, subject_id, now_s, context)."""

_NONE: frozenset[str] = frozenset()
_ALLOW = Outcome.ALLOW


def weigh(  # noqa: PLR0913, PLR0917 - every check passes here; wrapping the arguments costs as much as the check
    denies: tuple[CompiledRule, ...],
    allows: tuple[CompiledRule, ...],
    refusal: Decision,
    resource_id: str,
    subject_type: str,
    subject_id: str,
    now_s: float,
    context: "Mapping[str, Any] | None",
) -> Decision:
    """What these rules say of one resource; `refusal` if none allows."""
    unclear = _NONE
    if denies:
        barred = _barred(denies, resource_id, (subject_type, subject_id, now_s, context))
        if isinstance(barred, Decision):
            return barred
        unclear = barred
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
            return Decision(_ALLOW, rule.id, "allowed", found, _NONE, rule.obligations)
    return _conditional(possible, missing) if possible else refusal


def judge_fields(plan: Plan, resource_id: str, asking: Asking, fields: tuple[str, ...]) -> Decision:
    """What the rules say about these fields: a rule for fields allows only what it names, and forbids any of it."""
    named = frozenset(fields)
    denies = plan.denies + tuple(r for r in plan.field_denies if not r.fields.isdisjoint(named))
    allows = plan.named_allows + tuple(r for r in plan.field_allows if r.fields >= named)
    refusal = plan.refusal
    if refusal.reason == "fields_required":
        refusal = denial("field_locked")
    decision = weigh(denies, allows, refusal, resource_id, *asking)
    return _with_field_limits(plan, decision, fields)


def _with_field_limits(plan: Plan, decision: Decision, fields: tuple[str, ...]) -> Decision:
    """Refuses fields that others write or read, and obliges to mask what may only be read masked."""
    if decision.outcome is Outcome.DENY:
        return decision
    masked = []
    for field in fields:
        limit = plan.field_limits.get(field)
        if limit == "masked":
            masked.append(field)
        elif limit is not None:
            return denial(f"field_{limit}", f"field.{field}")
    if not masked:
        return decision
    return _with_duty(decision, Obligation("mask", {"fields": ",".join(sorted(masked))}))


def with_approval(
    template: ApprovalTemplate, decision: Decision, approval_id: str, approved: frozenset[str]
) -> Decision:
    """Refuses a sensitive action without a valid approval; with one it may still ask for a second factor."""
    if decision.outcome is Outcome.DENY:
        return decision
    if approval_id not in approved:
        reason = "approval_invalid" if approval_id else "approval_required"
        return denial(reason, f"approval.{template.id}", template.id)
    return _with_duty(decision, Obligation("step-up")) if template.step_up else decision


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


def _with_duty(decision: Decision, duty: Obligation) -> Decision:
    return Decision(
        decision.outcome,
        decision.rule,
        decision.reason,
        decision.proof,
        decision.missing,
        (*decision.obligations, duty),
    )
