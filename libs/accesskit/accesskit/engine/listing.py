"""Lookup: the rules turned around, from a subject to the resources it reaches."""

import math
from collections.abc import Iterable

import msgspec

from accesskit.decisions import Decision, Missing, Obligation, Outcome
from accesskit.engine.judging import Asking
from accesskit.engine.outcomes import CompiledRule, Refusal
from accesskit.engine.plans import Plan
from accesskit.engine.regime import Regime


class LookupPage(msgspec.Struct, frozen=True):
    """Ids in byte order. `complete` says that none follow; `conditional` are those that depend on missing context.

    With `is_everything` the subject may do it to every resource of the type, also those no fact speaks of.
    `obligations` come with each of them.
    """

    ids: tuple[str, ...] = ()
    complete: bool = True
    conditional: tuple[str, ...] = ()
    is_everything: bool = False
    obligations: tuple[Obligation, ...] = ()


class Reach(msgspec.Struct):
    """Which resources some rules reach: surely, and perhaps (it depends on missing context)."""

    surely: set[str]
    perhaps: set[str]
    is_everything: bool = False


def reach(regime: Regime, plan: Plan, resource_type: str, asking: Asking) -> Reach:
    """What the plan allows in sum: what its allows reach without what its denies reach."""
    if plan.approval is not None:
        return Reach(set(), set())
    allowed = reach_of(plan.allows, regime, plan, resource_type, asking)
    if not plan.denies:
        allowed.perhaps -= allowed.surely
        return allowed
    denied = reach_of(plan.denies, regime, plan, resource_type, asking)
    possible = (allowed.surely | allowed.perhaps) - denied.surely
    surely = allowed.surely - denied.surely - denied.perhaps
    return Reach(surely, possible - surely)


def reach_of(
    rules: Iterable[CompiledRule],
    regime: Regime,
    plan: Plan,
    resource_type: str,
    asking: Asking,
) -> Reach:
    """The resources that some rules reach together."""
    total = Reach(set(), set())
    for rule in rules:
        part = _reach_of_one(rule, regime, plan, resource_type, asking)
        total.surely = part.surely if not total.surely else total.surely | part.surely
        total.perhaps |= part.perhaps
        total.is_everything |= part.is_everything
    return total


def known_ids(regime: Regime, resource_type: str) -> set[str]:
    """Every resource of the type that a fact or lease speaks of."""
    known = set(regime.grounds.leases.get(resource_type, ()))
    is_leased = resource_type in regime.policy.lease.on
    for type_, relation in regime.policy.model.rewrites:
        # Every owner of a leased type is one of a lease already counted.
        if type_ == resource_type and not (is_leased and relation == "owner"):
            facts = regime.relations.facts(resource_type=type_, relation=relation)
            known |= {fact.resource_id for fact in facts}
    return known


def is_met(rule_condition: str, regime: Regime, asking: Asking) -> Missing | bool:
    """Whether a rule's own condition holds; it depends on the context only."""
    if not rule_condition:
        return True
    return regime.grounds.conditions[rule_condition].verdict(None, asking[3])


def _reach_of_one(
    rule: CompiledRule, regime: Regime, plan: Plan, resource_type: str, asking: Asking
) -> Reach:
    source = plan.sources[rule.id]
    met = is_met(source.condition, regime, asking)
    if met is False:
        return Reach(set(), set())
    subject_type, subject_id, now_s, context = asking
    if source.lease == "pool":
        found = _in_pool(rule, regime, resource_type, asking)
    elif source.relation:
        surely, perhaps = regime.relations.resources(
            subject_type, subject_id, resource_type, source.relation, now_s=now_s, context=context
        )
        found = Reach(surely, perhaps)
    else:
        found = Reach(known_ids(regime, resource_type), set(), is_everything=not source.lease)
    if source.lease == "held":
        ends = regime.grounds.readonly_at_s.get(resource_type, {})
        found.surely = _before_end(found.surely, ends, now_s)
        found.perhaps = _before_end(found.perhaps, ends, now_s)
    if met is not True:
        return Reach(set(), found.surely | found.perhaps)
    return found


def _before_end(ids: set[str], ends_s: dict[str, float], now_s: float) -> set[str]:
    end_of = ends_s.get
    return {id_ for id_ in ids if end_of(id_, -math.inf) > now_s}


def _in_pool(rule: CompiledRule, regime: Regime, resource_type: str, asking: Asking) -> Reach:
    found = Reach(set(), set())
    subject_type, subject_id, now_s, context = asking
    ends_s = regime.grounds.pool_at_s.get(resource_type, {})
    for id_ in [id_ for id_, end_s in ends_s.items() if end_s <= now_s]:
        verdict = rule.verdict(id_, subject_type, subject_id, now_s, context)
        if isinstance(verdict, Missing):
            found.perhaps.add(id_)
        elif verdict is not None and not isinstance(verdict, Refusal):
            found.surely.add(id_)
    return found


def page(reached: Reach, plan: Plan, *, after_id: str, limit: int | None) -> LookupPage:
    """The next ids in byte order, and whether that is all."""
    ids = sorted(reached.surely)
    if after_id:
        ids = [id_ for id_ in ids if id_ > after_id]
    is_complete = limit is None or len(ids) <= limit
    if not is_complete:
        ids = ids[:limit]
    last_id = ids[-1] if ids and not is_complete else None
    conditional = sorted(
        id_ for id_ in reached.perhaps if id_ > after_id and (last_id is None or id_ <= last_id)
    )
    return LookupPage(
        ids=tuple(ids),
        complete=is_complete,
        conditional=tuple(conditional),
        is_everything=reached.is_everything,
        obligations=plan.unnamed,
    )


def subjects_page(answers: Iterable[tuple[str, Decision]], *, limit: int | None) -> LookupPage:
    """The subjects that are allowed, of answers in the order of their ids."""
    ids: list[str] = []
    conditional: list[str] = []
    for id_, decision in answers:
        if decision.outcome is Outcome.DENY:
            continue
        if limit is not None and len(ids) + len(conditional) >= limit:
            return LookupPage(tuple(ids), complete=False, conditional=tuple(conditional))
        (ids if decision.outcome is Outcome.ALLOW else conditional).append(id_)
    return LookupPage(tuple(ids), conditional=tuple(conditional))
