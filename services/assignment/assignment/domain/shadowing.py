"""Rules that can never decide: what an earlier condition takes away altogether, and conditions that nothing meets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assignment.domain.leads import Precision
from assignment.domain.rules import OTHER_SOURCES, UNWEIGHTED, Range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from assignment.domain.rules import Condition, Rule, Rules, Value

TOGETHER_MAX = 300
"""Of more rules than that, only single ones are compared: each is held against every earlier one."""

_NAMED_PARTS = (
    "cities", "provinces", "industries", "source_kinds", "precisions", "channels", "products",
)  # fmt: skip
_PLACELESS = frozenset({Precision.UNKNOWN})


def shadowed_by(rules: Sequence[Rule], at: int) -> tuple[Rule, ...]:
    """The earlier rules that take every lead which the rule at a place could decide about; empty when some are left.

    Several together are found where they differ in one part only, such as a rule for each of the cities.
    """
    later = rules[at].when
    for rule in rules[:at]:
        if rule.when is None or (later is not None and covers(rule.when, later)):
            return (rule,)
    if later is None or len(rules) > TOGETHER_MAX:
        return ()
    return next(filter(None, (_together(rules[:at], later, part) for part in _NAMED_PARTS)), ())


def _together(earlier: Sequence[Rule], later: Condition, part: str) -> tuple[Rule, ...]:
    """Rules that take what a condition names in one part, each some of it."""
    left = getattr(later, part)
    if left is None:
        return ()
    rest = _without(later, part)
    taking: list[Rule] = []
    for rule in earlier:
        taken = getattr(rule.when, part) if rule.when is not None else None
        if rule.when is None or taken is None or not taken & left:
            continue
        if covers(_without(rule.when, part), rest):
            left = left - taken
            taking.append(rule)
    return () if left else tuple(taking)


def _without(when: Condition, part: str) -> Condition:
    """A condition that does not ask for one part."""
    changes: dict[str, Any] = {part: None}
    return replace(when, **changes)


def covers(earlier: Condition, later: Condition) -> bool:
    """Whether every lead of the later condition surely meets the earlier one.

    Expressions are compared by their text: two that always agree and are written otherwise are not seen through.
    """
    return (
        _names_cover(earlier.provinces, later.provinces)
        and _names_cover(earlier.cities, later.cities)
        and _names_cover(earlier.precisions, later.precisions)
        and _names_cover(earlier.industries, later.industries)
        and _names_cover(earlier.source_kinds, later.source_kinds)
        and _names_cover(earlier.channels, later.channels)
        and _names_cover(earlier.products, later.products)
        and (earlier.min_weight or 0.0) <= (later.min_weight or 0.0)
        and _range_covers(earlier.budget, later.budget)
        and _range_covers(earlier.score, later.score)
        and _attributes_cover(earlier, later)
        and (earlier.where is None or earlier.where == later.where)
    )


def contradiction(
    when: Condition, rules: Rules, cities_of: Mapping[str, AbstractSet[str]]
) -> tuple[str, str] | None:
    """The part of a condition that can never hold, and why; None when leads may meet it."""
    return _place_contradiction(when, cities_of) or _weight_contradiction(when, rules)


def _place_contradiction(
    when: Condition, cities_of: Mapping[str, AbstractSet[str]]
) -> tuple[str, str] | None:
    if when.provinces is not None and when.cities is not None:
        inside = {city for province in when.provinces for city in cities_of.get(province, ())}
        if not when.cities & inside:
            return "cities", f"none of {_listed(when.cities)} lies in {_listed(when.provinces)}"
    if when.precisions is None:
        return None
    if when.precisions <= _PLACELESS and (when.provinces or when.cities):
        return "precisions", "a lead of an unknown place has no province and no city"
    if when.cities and when.precisions <= {Precision.PROVINCE, Precision.UNKNOWN}:
        return "precisions", "a lead of which only the province is known has no city"
    return None


def _weight_contradiction(when: Condition, rules: Rules) -> tuple[str, str] | None:
    if when.min_weight is None:
        return None
    weights = rules.source_weights
    heaviest = max([*weights.values(), *([] if OTHER_SOURCES in weights else [UNWEIGHTED])])
    if when.source_kinds is not None:
        heaviest = max(rules.weight_of(kind) for kind in when.source_kinds)
    if heaviest < when.min_weight:
        return "min_weight", f"no such source weighs {when.min_weight:g}; the heaviest {heaviest:g}"
    return None


def _names_cover(earlier: AbstractSet[object] | None, later: AbstractSet[object] | None) -> bool:
    return earlier is None or (later is not None and later <= earlier)


def _range_covers(earlier: Range | None, later: Range | None) -> bool:
    if earlier is None:
        return True
    return later is not None and earlier.low <= later.low and later.high <= earlier.high


def _attributes_cover(earlier: Condition, later: Condition) -> bool:
    wanted = dict(later.attributes)
    return all(_value_covers(each, wanted.get(name)) for name, each in earlier.attributes)


def _value_covers(
    earlier: frozenset[Value] | Range, later: frozenset[Value] | Range | None
) -> bool:
    if isinstance(earlier, Range):
        return isinstance(later, Range) and _range_covers(earlier, later)
    return isinstance(later, frozenset) and later <= earlier


def _listed(names: AbstractSet[str]) -> str:
    return ", ".join(sorted(names)[:5])
