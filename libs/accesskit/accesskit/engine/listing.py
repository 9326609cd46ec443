"""Lookup: the rules turned around, from a subject to the resources it reaches."""

import math
from bisect import bisect_right
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
    """Which resources some rules reach: surely, and perhaps (it depends on missing context).

    `surely` may be shared and is never changed in place.
    """

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
        known = regime.known.of(resource_type)
        found = Reach(known.ids, set(), is_everything=not source.lease)
    if source.lease == "held":
        ends = regime.grounds.due(resource_type)[0].at_s
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
    for id_ in regime.grounds.due(resource_type)[1].due(now_s):
        verdict = rule.verdict(id_, subject_type, subject_id, now_s, context)
        if isinstance(verdict, Missing):
            found.perhaps.add(id_)
        elif verdict is not None and not isinstance(verdict, Refusal):
            found.surely.add(id_)
    return found


def page(
    reached: Reach,
    regime: Regime,
    plan: Plan,
    resource_type: str,
    *,
    after_id: str,
    limit: int | None,
) -> LookupPage:
    """The next ids in byte order, and whether that is all."""
    ids = regime.known.in_order(reached.surely, resource_type)
    start = bisect_right(ids, after_id) if after_id else 0
    is_complete = limit is None or len(ids) - start <= limit
    ids = ids[start:] if is_complete else ids[start : start + (limit or 0)]
    last_id = ids[-1] if ids and not is_complete else None
    conditional = sorted(
        id_ for id_ in reached.perhaps if id_ > after_id and (last_id is None or id_ <= last_id)
    )
    return LookupPage(
        ids=ids,
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
