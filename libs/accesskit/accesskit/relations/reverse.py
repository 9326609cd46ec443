"""Which resources a subject has a relation to: the same rules, computed over sets instead of one resource at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accesskit.facts import EVERYONE, Fact
from accesskit.language import Model
from accesskit.language.model import (
    Computed,
    Direct,
    Exclusion,
    Intersection,
    Rewrite,
    Union,
    Via,
    linked_types,
)
from accesskit.language.validation import Node
from accesskit.relations.edges import Edges, facts_in
from accesskit.relations.shape import Shape, TableKey


@dataclass(frozen=True, slots=True)
class Held:
    """Ids of the resources of which a relation holds, and of those where it depends on missing context.

    Once returned by a rule, neither is changed: rules share them.
    """

    sure: set[str]
    open: set[str]


class Search:
    """One subject, time and context over the tables of a model."""

    def __init__(
        self,
        model: Model,
        tables: Mapping[TableKey, Edges],
        subject: tuple[str, str],
        now_s: float,
        context: Mapping[str, Any] | None,
    ) -> None:
        self._rewrites = model.rewrites
        self._tables = tables
        self._subject_type, self._subject_id = subject
        self._now_s = now_s
        self._context = context
        self._held: dict[Node, Held] = {}

    def run(self, node: Node, shape: Shape) -> Held:
        """What the subject holds: stage by stage, and within one until nothing is added."""
        for stage in shape.stages(node):
            for each in stage:
                self._held[each] = Held(set(), set())
            while self._advance(stage) and shape.is_recursive(stage[0]):
                pass
        return self._held[node]

    def _advance(self, stage: list[Node]) -> bool:
        has_grown = False
        for node in stage:
            before, after = self._held[node], self._rewrite(node, self._rewrites[node])
            self._held[node] = after
            has_grown = has_grown or len(after.sure) > len(before.sure) or after.open != before.open
        return has_grown

    def _rewrite(self, node: Node, rewrite: Rewrite) -> Held:
        match rewrite:
            case Direct():
                return self._direct(node, rewrite)
            case Computed(relation):
                return self._held[node[0], relation]
            case Via(relation, link):
                return self._via(node[0], relation, link)
            case Union(parts):
                return _union([self._rewrite(node, part) for part in parts])
            case Intersection(parts):
                return _intersection([self._rewrite(node, part) for part in parts])
            case Exclusion(base, minus):
                return _exclusion(self._rewrite(node, base), self._rewrite(node, minus))

    def _direct(self, node: Node, direct: Direct) -> Held:
        held = Held(set(), set())
        for kind in dict.fromkeys((r.type, r.relation) for r in direct.restrictions):
            edges = self._tables[(*node, *kind)]
            if kind[1]:
                self._follow(edges, self._held[kind], held)
            elif kind[0] == self._subject_type:
                names = {self._subject_id, EVERYONE} if edges.has_wildcard else {self._subject_id}
                self._gather(edges, names, held.sure, held.open)
        return _settled(held)

    def _via(self, type_name: str, relation: str, link: str) -> Held:
        held = Held(set(), set())
        for linked in linked_types(self._rewrites[type_name, link]):
            if (linked, relation) in self._rewrites:
                edges = self._tables[type_name, link, linked, ""]
                self._follow(edges, self._held[linked, relation], held)
        return _settled(held)

    def _follow(self, edges: Edges, via: Held, held: Held) -> None:
        self._gather(edges, via.sure, held.sure, held.open)
        self._gather(edges, via.open, held.open, held.open)

    def _gather(self, edges: Edges, names: Iterable[str], sure: set[str], unsure: set[str]) -> None:
        entry_of = edges.backward.get
        for name in names:
            entry = entry_of(name)
            if entry is None:
                continue
            if edges.guarded_count:
                self._weigh(edges, facts_in(entry), sure, unsure)
            elif isinstance(entry, dict):
                sure.update(entry)
            else:
                sure.add(entry.resource_id)

    def _weigh(self, edges: Edges, facts: Iterable[Fact], sure: set[str], unsure: set[str]) -> None:
        for fact in facts:
            if fact.until_s is None and not fact.condition:
                sure.add(fact.resource_id)
                continue
            verdict = edges.holds(fact, self._now_s, self._context)
            if verdict is not False:
                (sure if verdict is True else unsure).add(fact.resource_id)


def _settled(held: Held) -> Held:
    held.open.difference_update(held.sure)
    return held


def _union(parts: list[Held]) -> Held:
    first, *others = sorted((part.sure for part in parts), key=len, reverse=True)
    sure = first.union(*others) if any(others) else first
    return Held(sure, set().union(*(part.open for part in parts)) - sure)


def _intersection(parts: list[Held]) -> Held:
    sure = set.intersection(*(part.sure for part in parts))
    if not any(part.open for part in parts):
        return Held(sure, set())
    return Held(sure, set.intersection(*(part.sure | part.open for part in parts)) - sure)


def _exclusion(base: Held, minus: Held) -> Held:
    sure = base.sure - minus.sure - minus.open
    if not base.open and not minus.open:
        return Held(sure, set())
    return Held(sure, (base.sure | base.open) - minus.sure - sure)
