"""Which rules concern a subject: the policy, sorted once by who asks, what type of resource, and which action."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from accesskit.decisions import Decision, Obligation, Outcome
from accesskit.engine.outcomes import (
    FIELDS_REQUIRED,
    NO_RELATION,
    NO_ROLE,
    NOT_IN_POOL,
    CompiledRule,
)
from accesskit.engine.verdicts import Grounds, compile_rule
from accesskit.engine.weighing import Judge, compile_judge
from accesskit.policy import ApprovalTemplate, FieldRule, Policy, Rule

FieldLimit: TypeAlias = Literal["locked", "hidden", "masked"]


class Plan(msgspec.Struct, frozen=True):
    """All that decides one action on one resource type for subjects of the same type and roles.

    `denies` and `allows` decide a question that names no fields, and `judge` answers by them; `named_allows`,
    `field_denies` and `field_allows` come in when it does. `refusal` is the answer when nothing allows. `field_limits`
    are the fields these subjects may not write or read; `unnamed` is the obligation that stands for them, and for what
    deny rules forbid, where none is named: part of what `allows` oblige to. `rules` are all of them, and `sources` what
    they were compiled from.
    """

    subject_type: str
    judge: Judge
    denies: tuple[CompiledRule, ...]
    allows: tuple[CompiledRule, ...]
    named_allows: tuple[CompiledRule, ...]
    field_denies: tuple[CompiledRule, ...]
    field_allows: tuple[CompiledRule, ...]
    refusal: Decision
    field_limits: dict[str, FieldLimit]
    unnamed: tuple[Obligation, ...]
    approval: ApprovalTemplate | None
    rules: tuple[CompiledRule, ...]
    sources: dict[str, Rule]


Plans: TypeAlias = dict[str, dict[str, Plan]]
"""By resource type, then by action."""


class Who(msgspec.Struct, frozen=True):
    """What a policy sees of a subject: its roles, and its id if it is a service."""

    roles: frozenset[str]
    service_id: str = ""

    def is_concerned_by(self, rule: Rule) -> bool:
        """Whether the rule speaks of such subjects."""
        if not rule.roles and not rule.principals:
            return True
        return not self.roles.isdisjoint(rule.roles) or self.service_id in rule.principals

    def is_among(self, names: frozenset[str]) -> bool:
        """Whether one of these roles or services is the subject's."""
        return not self.roles.isdisjoint(names) or self.service_id in names


class PlanMaker:
    """Makes plans of one policy; rules are compiled once per type and shared."""

    def __init__(self, policy: Policy, grounds: Grounds) -> None:
        self._policy = policy
        self._grounds = grounds
        self._compiled: dict[tuple[str, str], CompiledRule] = {}
        self._rules: dict[tuple[str, str], list[Rule]] = {}
        for rule in policy.rules:
            for pair in ((type_, action) for type_ in rule.on for action in rule.actions):
                self._rules.setdefault(pair, []).append(rule)

    def speaks_of(self, resource_type: str) -> bool:
        """Whether the model knows the type."""
        return resource_type in self._policy.model.type_names

    def rules(self, resource_type: str, action: str) -> list[Rule]:
        """All rules about an action on a type, whoever they concern."""
        return self._rules.get((resource_type, action), [])

    def plans(self, who: Who) -> Plans:
        """Everything the policy says to such subjects."""
        plans: Plans = {}
        for type_, action in self._rules:
            plans.setdefault(type_, {})[action] = self._plan(who, type_, action)
        return plans

    def _plan(self, who: Who, type_: str, action: str) -> Plan:
        sources = [rule for rule in self._rules[type_, action] if who.is_concerned_by(rule)]
        denies = [rule for rule in sources if rule.effect == "deny"]
        allows = sorted((rule for rule in sources if rule.effect == "allow"), key=_eagerness)
        limits = self._field_limits(who, type_, action)
        forbidden = {field for rule in denies for field in rule.fields}
        unnamed = self._unnamed(action, limits.keys() | forbidden)
        general = self._all(type_, (rule for rule in allows if not rule.fields))
        barring = next((rule for rule in denies if _is_absolute(rule)), None)
        parts = (
            self._all(type_, (rule for rule in denies if not rule.fields)),
            tuple(_obliging(rule, unnamed) for rule in general),
            _refusal(allows),
        )
        subject_type = "service" if who.service_id else "user"
        plan = Plan(
            subject_type=subject_type,
            judge=compile_judge(*parts, subject_type),
            denies=parts[0],
            allows=parts[1],
            named_allows=general,
            field_denies=self._all(type_, (rule for rule in denies if rule.fields)),
            field_allows=self._all(type_, (rule for rule in allows if rule.fields)),
            refusal=parts[2],
            field_limits=limits,
            unnamed=unnamed,
            approval=self._policy.approval(type_, action),
            rules=self._all(type_, [*denies, *allows]),
            sources={rule.id: rule for rule in sources},
        )
        return plan if barring is None else _barred(plan, barring)

    def _all(self, type_: str, rules: Iterable[Rule]) -> tuple[CompiledRule, ...]:
        return tuple(self._one(type_, rule) for rule in rules)

    def _one(self, type_: str, rule: Rule) -> CompiledRule:
        compiled = self._compiled.get((rule.id, type_))
        if compiled is None:
            compiled = compile_rule(rule, type_, self._grounds)
            self._compiled[rule.id, type_] = compiled
        return compiled

    def _field_limits(self, who: Who, type_: str, action: str) -> dict[str, FieldLimit]:
        is_reading = action in self._policy.reading
        limits: dict[str, FieldLimit] = {}
        for rule in self._policy.fields:
            among = rule.read if is_reading else rule.write
            if rule.on == type_ and among is not None and not who.is_among(among):
                limits[rule.field] = _limit(rule) if is_reading else "locked"
        return limits

    def _unnamed(self, action: str, fields: set[str]) -> tuple[Obligation, ...]:
        if not fields:
            return ()
        kind = "mask" if action in self._policy.reading else "keep"
        return (Obligation(kind, {"fields": ",".join(sorted(fields))}),)


def _is_absolute(rule: Rule) -> bool:
    """Whether a deny holds whatever the resource, the context and the fields."""
    return not (rule.relation or rule.condition or rule.fields)


def _barred(plan: Plan, barring: Rule) -> Plan:
    """The plan once nothing can allow: there is nothing left to weigh."""
    refusal = Decision(Outcome.DENY, barring.id, "denied_by_rule", ())
    return msgspec.structs.replace(
        plan,
        judge=compile_judge((), (), refusal, plan.subject_type),
        denies=(),
        allows=(),
        named_allows=(),
        field_denies=(),
        field_allows=(),
        refusal=refusal,
    )


def _obliging(rule: CompiledRule, duties: tuple[Obligation, ...]) -> CompiledRule:
    if not duties:
        return rule
    return CompiledRule(rule.id, rule.verdict, rule.obligations + duties, rule.fields)


def _limit(rule: FieldRule) -> FieldLimit:
    return "masked" if rule.is_masked else "hidden"


def _eagerness(rule: Rule) -> tuple[bool, bool, bool, bool]:
    """Rules that oblige to nothing come first, then what is cheap to prove."""
    return (bool(rule.obligations), rule.lease == "pool", bool(rule.condition), bool(rule.relation))


def _refusal(allows: list[Rule]) -> Decision:
    """The answer when no rule allows: what all of them lack."""
    if not allows:
        return NO_ROLE
    if all(rule.fields for rule in allows):
        return FIELDS_REQUIRED
    is_pool_only = all(rule.lease == "pool" and not rule.relation for rule in allows)
    return NOT_IN_POOL if is_pool_only else NO_RELATION
