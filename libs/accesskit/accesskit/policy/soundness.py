"""What a schema cannot say: every name in a policy means something, and no two statements contradict each other."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from accesskit.language.model import Direct, Restriction
from accesskit.policy.document import PolicyInvalid

if TYPE_CHECKING:
    from accesskit.policy.parsing import Policy
    from accesskit.policy.sections import Rule

SUBJECT_TYPES = ("user", "service")
_BY_USERS = Direct((Restriction("user"),))


def check_soundness(policy: "Policy") -> None:
    """Raises `PolicyInvalid` for the first statement that names something unknown or contradicts another."""
    for path, problem in _problems(policy):
        raise PolicyInvalid(path, problem)


def _problems(policy: "Policy") -> Iterator[tuple[str, str]]:
    yield from _of_subjects(policy)
    yield from _of_rules(policy)
    yield from _of_fields(policy)
    yield from _of_lease(policy)
    yield from _of_approvals(policy)
    yield from _unknown("guard.roles", policy.guard.roles, policy.roles, "role")


def _of_subjects(policy: "Policy") -> Iterator[tuple[str, str]]:
    """Roles are held by plain facts: nobody's role depends on a condition or another relation."""
    yield from _unknown("model", ("user", "service", "role"), policy.model.type_names, "type")
    member = policy.model.rewrites.get(("role", "member"))
    if not isinstance(member, Direct) or any(
        kind.type not in SUBJECT_TYPES or kind.relation or kind.is_wildcard or kind.condition
        for kind in member.restrictions
    ):
        yield "model", "role needs: define member: [user, service]"
    if clash := policy.services & policy.roles.keys():
        yield "services", f"{min(clash)!r} is also a role"


def _of_rules(policy: "Policy") -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}]"
        if rule.id in seen:
            yield f"{path}.id", f"{rule.id!r} is given twice"
        seen.add(rule.id)
        yield from _of_rule(policy, rule, path)


def _of_rule(policy: "Policy", rule: "Rule", path: str) -> Iterator[tuple[str, str]]:
    yield from _unknown(f"{path}.roles", rule.roles, policy.roles, "role")
    yield from _unknown(f"{path}.principals", rule.principals, policy.services, "service")
    yield from _unknown(f"{path}.on", rule.on, policy.model.type_names, "type")
    if rule.relation:
        for type_ in rule.on:
            if (type_, rule.relation) not in policy.model.rewrites:
                yield f"{path}.as", f"type {type_!r} has no relation {rule.relation!r}"
    if rule.condition:
        known = {condition.name for condition in policy.model.conditions}
        yield from _unknown(f"{path}.when", (rule.condition,), known, "condition")
    if rule.lease and rule.effect == "deny":
        yield f"{path}.lease", "only an allow can depend on the lease"
    if rule.lease:
        yield from _unknown(f"{path}.lease", rule.on, policy.lease.on, "leased type")


def _of_fields(policy: "Policy") -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    known = policy.roles.keys() | policy.services
    for rule in policy.fields:
        path = f"fields.{rule.on}.{rule.field}"
        if (rule.on, rule.field) in seen:
            yield path, "is given twice"
        seen.add((rule.on, rule.field))
        yield from _unknown(path, (rule.on,), policy.model.type_names, "type")
        yield from _unknown(f"{path}.write", rule.write or (), known, "role or service")
        yield from _unknown(f"{path}.read", rule.read or (), known, "role or service")


def _of_lease(policy: "Policy") -> Iterator[tuple[str, str]]:
    lease = policy.lease
    if not lease.notice_days <= lease.readonly_days <= lease.pool_days:
        yield "lease", "notice_days <= readonly_days <= pool_days must hold"
    for type_ in sorted(lease.on):
        owner = policy.model.rewrites.get((type_, "owner"))
        if owner != _BY_USERS:
            yield "lease.on", f"type {type_!r} needs: define owner: [user]"


def _of_approvals(policy: "Policy") -> Iterator[tuple[str, str]]:
    ids: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for index, template in enumerate(policy.approvals):
        path = f"approvals[{index}]"
        if template.id in ids:
            yield f"{path}.id", f"{template.id!r} is given twice"
        ids.add(template.id)
        yield from _unknown(f"{path}.on", template.on, policy.model.type_names, "type")
        for step in template.steps:
            yield from _unknown(f"{path}.steps", step.roles, policy.roles, "role")
        pairs = {(type_, action) for type_ in template.on for action in template.actions}
        if clash := pairs & seen:
            yield path, f"{' '.join(min(clash))} needs another approval already"
        seen |= pairs


def _unknown(
    path: str, names: Iterable[str], known: Iterable[str], what: str
) -> Iterator[tuple[str, str]]:
    for name in sorted(set(names).difference(known)):
        yield path, f"unknown {what} {name!r}"
