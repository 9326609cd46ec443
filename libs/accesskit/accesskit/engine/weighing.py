"""Weighs the rules of a plan: a deny wins, then any allow; what cannot be told stays open (Kleene's three values).

Most questions meet no deny rule, and either the facts prove an allow or no fact speaks for it. A plan's judge answers
those in as few calls as it can, and leaves every other question to `weigh`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from accesskit.decisions import Decision, Missing, Outcome
from accesskit.engine.outcomes import CompiledRule, Refusal
from accesskit.facts import Fact

_NONE: frozenset[str] = frozenset()
_ALLOW = Outcome.ALLOW
_DENY = Outcome.DENY
_ALLOWED = "allowed"

Judge: TypeAlias = Callable[[str, str, float, Mapping[str, Any] | None], Decision]
"""(resource_id, subject_id, now_s, context) -> what a plan's rules say."""

_Asking: TypeAlias = tuple[str, str, float, Mapping[str, Any] | None]


def compile_judge(
    denies: tuple[CompiledRule, ...],
    allows: tuple[CompiledRule, ...],
    refusal: Decision,
    subject_type: str,
) -> Judge:
    """What `weigh` says of these rules to subjects of this type."""

    def in_general(
        resource_id: str, subject_id: str, now_s: float, context: Mapping[str, Any] | None
    ) -> Decision:
        return weigh(denies, allows, refusal, resource_id, subject_type, subject_id, now_s, context)

    if denies:
        return in_general
    if not allows:
        return _never(refusal)
    judge = _last(allows[-1], refusal, subject_type, in_general)
    for rule in reversed(allows[:-1]):
        judge = _before(judge, rule, subject_type, in_general)
    return judge


def _never(refusal: Decision) -> Judge:
    def judge(
        resource_id: str,  # noqa: ARG001 - a judge's signature
        subject_id: str,  # noqa: ARG001
        now_s: float,  # noqa: ARG001
        context: Mapping[str, Any] | None,  # noqa: ARG001
    ) -> Decision:
        return refusal

    return judge


def _last(rule: CompiledRule, refusal: Decision, subject_type: str, in_general: Judge) -> Judge:
    verdict, rule_id, obligations = rule.verdict, rule.id, rule.obligations

    def judge(
        resource_id: str, subject_id: str, now_s: float, context: Mapping[str, Any] | None
    ) -> Decision:
        found = verdict(resource_id, subject_type, subject_id, now_s, context)
        if found is None:
            return refusal
        if type(found) is Fact or type(found) is tuple:
            return Decision(_ALLOW, rule_id, _ALLOWED, found, _NONE, obligations)
        if type(found) is Refusal:
            return Decision(_DENY, rule_id, found.reason)
        return in_general(resource_id, subject_id, now_s, context)

    return judge


def _before(otherwise: Judge, rule: CompiledRule, subject_type: str, in_general: Judge) -> Judge:
    verdict, rule_id, obligations = rule.verdict, rule.id, rule.obligations

    def judge(
        resource_id: str, subject_id: str, now_s: float, context: Mapping[str, Any] | None
    ) -> Decision:
        found = verdict(resource_id, subject_type, subject_id, now_s, context)
        if found is None:
            return otherwise(resource_id, subject_id, now_s, context)
        if type(found) is Fact or type(found) is tuple:
            return Decision(_ALLOW, rule_id, _ALLOWED, found, _NONE, obligations)
        return in_general(resource_id, subject_id, now_s, context)

    return judge


def weigh(  # noqa: PLR0913, PLR0917 - every check passes here; wrapping the arguments costs as much as the check
    denies: tuple[CompiledRule, ...],
    allows: tuple[CompiledRule, ...],
    refusal: Decision,
    resource_id: str,
    subject_type: str,
    subject_id: str,
    now_s: float,
    context: Mapping[str, Any] | None,
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
            return Decision(_ALLOW, rule.id, _ALLOWED, found, _NONE, rule.obligations)
    return _conditional(possible, missing) if possible else refusal


def _barred(
    denies: tuple[CompiledRule, ...], resource_id: str, asking: _Asking
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
