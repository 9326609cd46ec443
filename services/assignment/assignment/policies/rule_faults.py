"""What a schema cannot say of routing rules: names that nobody knows, circles, and rules that can never decide."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from assignment.domain.rules import FALLBACK, LEAD_VALUES, OWNER, RESERVED_IDS, SCORE, WAIT
from assignment.domain.shadowing import contradiction, shadowed_by
from assignment.policies.documents import packaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from assignment.domain.rules import Rule, Rules
    from assignment.policies.documents import Document, InvalidPolicy, Step

    Faults = Iterator[InvalidPolicy]

NAMES_SHOWN_MAX = 10
OTHER_INDUSTRY = "其他"
SOURCE_KINDS = frozenset({"sem", "official_account", "organic", "social", "other"})
_TAKEN_NAMES = {*LEAD_VALUES, SCORE}


class Places:
    """The provinces with their cities, and the industries, that leads can have."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.cities_of = {name: frozenset(cities) for name, cities in content["provinces"].items()}
        self.cities = frozenset().union(*self.cities_of.values())
        self.industries = frozenset(content["industries"]) | {OTHER_INDUSTRY}


@cache
def places() -> Places:
    """Those that come with the service."""
    return Places(yaml.safe_load(packaged("places.yaml")))


def faults_of_parts(document: Document) -> Faults:
    """What is wrong with the names in a document, each seen by itself; the shape is right by the schema."""
    yield from _faults_of_ids(document)
    yield from _faults_of_attributes(document)
    yield from _faults_of_pools(document)
    for index, rule in enumerate(document.content["rules"]):
        yield from _faults_of_condition(document, rule.get("when", {}), ("rules", index, "when"))


def faults_of_order(document: Document, rules: Rules) -> Faults:
    """One rule for all the rest, which is the last; and every other one that can never decide."""
    last = len(rules.rules) - 1
    for index, rule in enumerate(rules.rules):
        path = ("rules", index)
        if rule.when is None and index < last:
            yield document.fault(
                path, f"rule {rule.rule_id} fits every lead, so no later rule is reached"
            )
        if rule.when is None:
            continue
        if index == last:
            yield document.fault(path, "the last rule must have no `when`: some leads fit no rule")
        found = contradiction(rule.when, rules, places().cities_of)
        if found is not None:
            yield document.fault((*path, "when", found[0]), f"never holds: {found[1]}")
        earlier = shadowed_by(rules.rules, index)
        if earlier and all(each.when is not None for each in earlier):
            yield document.fault(path, f"rule {rule.rule_id} is never reached: {_taking(earlier)}")


def faults_of_reps(document: Document, rep_ids: AbstractSet[str]) -> Faults:
    """Reps whom nobody has described."""
    content = document.content
    for part in ("rules", "pools"):
        for index, entry in enumerate(content.get(part, ())):
            named = [] if entry["reps"] == "all" else list(entry["reps"])
            for number, rep_id in enumerate(named):
                if rep_id not in rep_ids:
                    step: Step = rep_id if isinstance(entry["reps"], dict) else number
                    yield document.fault((part, index, "reps", step), f"there is no rep {rep_id}")
    owner = content["fallback"]["owner"]
    if owner not in rep_ids:
        yield document.fault(("fallback", "owner"), f"there is no rep {owner}")


def _taking(earlier: Sequence[Rule]) -> str:
    names = ", ".join(rule.rule_id for rule in earlier[:NAMES_SHOWN_MAX])
    word = "rule" if len(earlier) == 1 else "rules"
    return f"{word} {names} {'takes' if len(earlier) == 1 else 'take'} all of its leads"


def _faults_of_ids(document: Document) -> Faults:
    seen: set[str] = set()
    for part, word in (("rules", "rule"), ("pools", "pool")):
        for index, entry in enumerate(document.content.get(part, ())):
            path = (part, index, "id")
            if entry["id"] in RESERVED_IDS:
                yield document.fault(path, f"{entry['id']} is a word of its own here")
            if entry["id"] in seen:
                yield document.fault(path, f"{word} {entry['id']} stands here twice")
            seen.add(entry["id"])


def _faults_of_attributes(document: Document) -> Faults:
    for name in document.content.get("attributes", {}):
        if name in _TAKEN_NAMES:
            yield document.fault(("attributes", name), f"every lead has a {name} of its own")


def _faults_of_pools(document: Document) -> Faults:
    """Pools that are not there, and circles."""
    content = document.content
    pools = {entry["id"]: entry.get("otherwise", OWNER) for entry in content.get("pools", ())}
    fallback = content["fallback"]["pool"]
    if fallback not in pools:
        yield document.fault(("fallback", "pool"), f"there is no pool {fallback}")
    for part in ("rules", "pools"):
        for index, entry in enumerate(content.get(part, ())):
            target = entry.get("otherwise", WAIT)
            if target not in RESERVED_IDS and target not in pools:
                yield document.fault((part, index, "otherwise"), f"there is no pool {target}")
    for index, entry in enumerate(content.get("pools", ())):
        circle = _circle(entry["id"], pools, fallback)
        if circle:
            yield document.fault(("pools", index, "otherwise"), f"a circle: {' > '.join(circle)}")


def _circle(start: str, pools: Mapping[str, str], fallback: str) -> list[str]:
    """The pools by which one comes back to itself; empty when it does not."""
    way = [start]
    while True:
        target = pools.get(way[-1], OWNER)
        target = fallback if target == FALLBACK else target
        if target == start:
            return [*way, start]
        if target not in pools or target in way:
            return []
        way.append(target)


def _faults_of_condition(
    document: Document, when: Mapping[str, Any], path: tuple[Step, ...]
) -> Faults:
    known = places()
    for part, names, word in (
        ("provinces", known.cities_of.keys(), "province"),
        ("cities", known.cities, "city"),
        ("industries", known.industries, "industry"),
        ("source_kinds", SOURCE_KINDS | document.content["source_weights"].keys(), "source kind"),
    ):
        for number, name in enumerate(when.get(part, ())):
            if name not in names:
                yield document.fault((*path, part, number), f"there is no {word} {name}")
    for part in ("budget", "score"):
        yield from _fault_of_range(document, when.get(part), (*path, part))
    if "score" in when and "score" not in document.content:
        yield document.fault((*path, "score"), "the document says nothing of scores")
    yield from _faults_of_wanted(document, when.get("attributes", {}), (*path, "attributes"))


def _faults_of_wanted(
    document: Document, wanted: Mapping[str, Any], path: tuple[Step, ...]
) -> Faults:
    declared = document.content.get("attributes", {})
    for name, value in wanted.items():
        if name not in declared:
            yield document.fault((*path, name), f"attributes declares no {name}")
        elif not _is_of_type(value, declared[name]):
            yield document.fault((*path, name), f"{name} is a {_kind(declared[name])}")
        elif isinstance(value, dict):
            yield from _fault_of_range(document, value, (*path, name))


def _fault_of_range(document: Document, limits: Any, path: tuple[Step, ...]) -> Faults:
    if limits and "min" in limits and "max" in limits and limits["min"] > limits["max"]:
        yield document.fault(path, f"never holds: {limits['min']:g} is above {limits['max']:g}")


def _is_of_type(value: Any, default: Any) -> bool:
    if isinstance(default, bool):
        return isinstance(value, bool)
    return isinstance(value, list if isinstance(default, str) else dict)


def _kind(default: Any) -> str:
    if isinstance(default, bool):
        return "flag: write true or false"
    return (
        "text: write a list of texts" if isinstance(default, str) else "number: write min and max"
    )
