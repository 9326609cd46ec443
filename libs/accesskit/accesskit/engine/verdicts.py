"""Compiles a rule of the policy into one function per resource type.

A verdict is asked millions of times, so what can be looked up once is looked up here.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from accesskit.changes import LeasePut
from accesskit.decisions import Missing, Proof
from accesskit.engine.due import DueTimes
from accesskit.engine.outcomes import (
    BAD_NAME,
    CONDITION_FALSE,
    COOLING_DOWN,
    LEASE_OVER,
    CompiledRule,
    Refusal,
    Verdict,
)
from accesskit.facts import Fact
from accesskit.language import CompiledCondition
from accesskit.leases import is_cooling_down
from accesskit.policy import LeaseTerms, Rule
from accesskit.relations import Entry, Relations

OWNER: Final = "owner"
"""The relation that leases state."""

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
        self._due: dict[str, tuple[DueTimes, DueTimes]] = {}

    def owners(self, resource_type: str) -> Mapping[str, Entry]:
        """Who owns what of a leased type."""
        return self.relations.entries(resource_type, OWNER, "user")

    def due(self, resource_type: str) -> tuple[DueTimes, DueTimes]:
        """When leases of this type turn read-only, and when they end."""
        due = self._due.get(resource_type)
        if due is None:
            due = self._due[resource_type] = (DueTimes(), DueTimes())
        return due


def compile_rule(rule: Rule, resource_type: str, grounds: Grounds) -> CompiledRule:
    """The rule, ready to be asked about resources of this type."""
    verdict = _standing(rule, resource_type, grounds)
    if rule.lease == "held":
        readonly = grounds.due(resource_type)[0]
        if rule.relation == OWNER:
            verdict = _owned_while_held(verdict, grounds.owners(resource_type), readonly)
        else:
            verdict = _while_held(verdict, readonly)
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


def _while_held(standing: Verdict, readonly: DueTimes) -> Verdict:
    deadline_of = readonly.at_s.get

    def verdict(
        resource_id: str, subject_type: str, subject_id: str, now_s: float, context: _Context
    ) -> _Found:
        found = standing(resource_id, subject_type, subject_id, now_s, context)
        if found is None or now_s < deadline_of(resource_id, -math.inf):
            return found
        return found if found.__class__ is Refusal else LEASE_OVER

    return verdict


def _owned_while_held(
    standing: Verdict, owners: Mapping[str, Entry], readonly: DueTimes
) -> Verdict:
    """A resource of a leased type has an owner only by its lease, and what has not passed is held."""
    entry_of, passed, deadline_of = owners.get, readonly.passed, readonly.at_s

    def verdict(
        resource_id: str, subject_type: str, subject_id: str, now_s: float, context: _Context
    ) -> _Found:
        entry = entry_of(resource_id)
        if type(entry) is not Fact:
            return standing(resource_id, subject_type, subject_id, now_s, context) and LEASE_OVER
        if entry.subject_id != subject_id or subject_type != "user":
            return None
        if now_s >= readonly.next_s:
            readonly.advance(now_s)
        if resource_id not in passed or now_s < deadline_of[resource_id]:
            return entry
        return LEASE_OVER

    return verdict


def _in_pool(standing: Verdict, resource_type: str, grounds: Grounds) -> Verdict:
    ends = grounds.due(resource_type)[1]
    passed, pool_at_s = ends.passed, ends.at_s
    leases = grounds.leases.setdefault(resource_type, {})
    terms = grounds.terms

    def verdict(
        resource_id: str, subject_type: str, subject_id: str, now_s: float, context: _Context
    ) -> _Found:
        if now_s >= ends.next_s:
            ends.advance(now_s)
        if resource_id not in passed or not now_s >= pool_at_s[resource_id]:
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
