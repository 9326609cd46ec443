"""What goes beyond the rules of a plan: fields, and approvals of sensitive actions."""

from typing import TYPE_CHECKING, Any, TypeAlias

from accesskit.decisions import Decision, Obligation, Outcome
from accesskit.engine.outcomes import denial
from accesskit.engine.plans import Plan
from accesskit.engine.weighing import weigh
from accesskit.policy import ApprovalTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

Asking: TypeAlias = "tuple[str, str, float, Mapping[str, Any] | None]"
"""Who asks, when and with what: (subject_type, subject_id, now_s, context)."""


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


def _with_duty(decision: Decision, duty: Obligation) -> Decision:
    return Decision(
        decision.outcome,
        decision.rule,
        decision.reason,
        decision.proof,
        decision.missing,
        (*decision.obligations, duty),
    )
