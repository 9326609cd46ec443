"""Compiles a rule of the policy into one function per resource type.

A verdict is asked millions of times, so what can be looked up once is looked up here.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from accesskit.changes import LeasePut
from accesskit.decisions import Missing, Proof
from accesskit.engine.outcomes import (
    BAD_NAME,
    CONDITION_FALSE,
    COOLING_DOWN,
    LEASE_OVER,
    CompiledRule,
    Refusal,
    Verdict,
)
from accesskit.language import CompiledCondition
from accesskit.leases import is_cooling_down
from accesskit.policy import LeaseTerms, Rule
from accesskit.relations import Relations

_Found: TypeAlias = "Proof | Missing | Refusal | None"
_Context: TypeAlias = "Mapping[str, Any] | None"


class Grounds:
    """What rules of one resource type rest on. The mappings are live: they change as changes are applied."""

    def __init__(
        self,
        relations: Relations,
        terms: LeaseTerms,
        conditions: Mapping[str, CompiledCondition],
        leases: dict[str, dict[str, LeasePut]],
    ) -> None:
        self.relations = relations
        self.terms = terms
        self.conditions = conditions
        self.leases = leases
        self.readonly_at_s: dict[str, dict[str, float]] = {}
        self.pool_at_s: dict[str, dict[str, float]] = {}


def compile_rule(rule: Rule, resource_type: str, grounds: Grounds) -> CompiledRule:
    """The rule, ready to be asked about resources of this type."""
    verdict = _standing(rule, resource_type, grounds)
    if rule.lease == "held":
        verdict = _while_held(verdict, grounds.readonly_at_s.setdefault(resource_type, {}))
    elif rule.lease == "pool":
        verdict = _in_pool(verdict, resource_type, grounds)
    if rule.condition:
        verdict = _on_condition(verdict, grounds.conditions[rule.condition])
    return CompiledRule(rule.id, verdict, rule.obligations, rule.fields)


def _standing(rule: Rule, resource_type: str, grounds: Grounds) -> Verdict:
    if rule.relation:
        return grounds.relations.checker(resource_type, rule.relation)
    return _any_resource if rule.effect == "allow" else _always


def _always(
    resource_id: str,  # noqa: ARG001 - a verdict's signature
    subject_type: str,  # noqa: ARG001
    subject_id: str,  # noqa: ARG001
    now_s: float,  # noqa: ARG001
    context: _Context,  # noqa: ARG001
) -> _Found:
    return ()


def _any_resource(
    resource_id: str,
    subject_type: str,  # noqa: ARG001 - a verdict's signature
    subject_id: str,  # noqa: ARG001
    now_s: float,  # noqa: ARG001
    context: _Context,  # noqa: ARG001
) -> _Found:
    """No fact vouches for the id, so it must at least be one that cannot be mistaken for another."""
    return () if resource_id and resource_id.isprintable() else BAD_NAME


def _while_held(standing: Verdict, readonly_at_s: dict[str, float]) -> Verdict:
    deadline_of = readonly_at_s.get

    def verdict(
        resource_id: str, subject_type: str, subject_id: str, now_s: float, context: _Context
    ) -> _Found:
        found = standing(resource_id, subject_type, subject_id, now_s, context)
        if found is None or now_s < deadline_of(resource_id, -math.inf):
            return found
        return found if found.__class__ is Refusal else LEASE_OVER

    return verdict


def _in_pool(standing: Verdict, resource_type: str, grounds: Grounds) -> Verdict:
    pool_at_s = grounds.pool_at_s.setdefault(resource_type, {}).get
    leases = grounds.leases.setdefault(resource_type, {})
    terms = grounds.terms

    def verdict(
        resource_id: str, subject_type: str, subject_id: str, now_s: float, context: _Context
    ) -> _Found:
        if not now_s >= pool_at_s(resource_id, math.inf):
            return None
        found = standing(resource_id, subject_type, subject_id, now_s, context)
        if found is None or found.__class__ is Refusal:
            return found
        if is_cooling_down(leases[resource_id], terms, subject_id, now_s=now_s):
            return COOLING_DOWN
        return found

    return verdict


def _on_condition(standing: Verdict, condition: CompiledCondition) -> Verdict:
    def verdict(
        resource_id: str, subject_type: str, subject_id: str, now_s: float, context: _Context
    ) -> _Found:
        found = standing(resource_id, subject_type, subject_id, now_s, context)
        if found is None or found.__class__ is Refusal:
            return found
        met = condition.verdict(None, context)
        if met is True:
            return found
        if met is False:
            return CONDITION_FALSE
        return Missing(met.names | found.names) if isinstance(found, Missing) else met

    return verdict
