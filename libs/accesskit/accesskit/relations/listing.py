"""Views of a relation of one resource: the subjects that facts name, and one level of how it comes to hold."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from accesskit.facts import Fact
from accesskit.language import Model
from accesskit.language.model import (
    Computed,
    Direct,
    Exclusion,
    Intersection,
    Rewrite,
    Union,
    Via,
    leaves_of,
    parts_of,
)
from accesskit.language.validation import Node
from accesskit.relations.edges import Edges
from accesskit.relations.shape import TableKey


class Tree(msgspec.Struct, frozen=True):
    """One level of how a relation comes to hold.

    `name` is the relation that a leaf names: `relation`, or `relation from link`. `facts` are those that are not
    expired, whatever their conditions.
    """

    kind: Literal["union", "intersection", "exclusion", "direct", "computed", "via"]
    name: str = ""
    facts: tuple[Fact, ...] = ()
    parts: tuple["Tree", ...] = ()


class Listing:
    """Reads the tables forward, from resources to subjects."""

    def __init__(self, model: Model, tables: Mapping[TableKey, Edges]) -> None:
        self._rewrites = model.rewrites
        self._tables = tables

    def candidates(self, node: Node, resource_id: str, subject_type: str) -> set[str]:
        """Every subject id of the type that some fact on some way names: the only ones who can differ from anybody."""
        found: set[str] = set()
        seen: set[tuple[Node, str]] = set()
        waiting = [(node, resource_id)]
        while waiting:
            place = waiting.pop()
            if place not in seen:
                seen.add(place)
                for leaf in leaves_of(self._rewrites[place[0]]):
                    waiting += self._next(place, leaf, subject_type, found)
        return found

    def tree(self, node: Node, resource_id: str, now_s: float) -> Tree:
        """One level of the relation's rule, with its facts."""
        return self._tree(node, self._rewrites[node], resource_id, now_s)

    def _next(
        self,
        place: tuple[Node, str],
        leaf: Direct | Computed | Via,
        subject_type: str,
        found: set[str],
    ) -> list[tuple[Node, str]]:
        (type_name, relation), resource_id = place
        match leaf:
            case Computed(other):
                return [((type_name, other), resource_id)]
            case Via(other, link):
                return [
                    ((fact.subject_type, other), fact.subject_id)
                    for fact in self._facts((type_name, link), resource_id)
                    if (fact.subject_type, other) in self._rewrites
                ]
            case Direct():
                facts = self._facts((type_name, relation), resource_id)
                found.update(
                    f.subject_id
                    for f in facts
                    if f.subject_type == subject_type and not f.subject_relation
                )
                return [
                    ((f.subject_type, f.subject_relation), f.subject_id)
                    for f in facts
                    if f.subject_relation
                ]

    def _facts(self, node: Node, resource_id: str) -> list[Fact]:
        direct = leaves_of(self._rewrites[node])[0]
        if not isinstance(direct, Direct):
            return []
        kinds = dict.fromkeys((r.type, r.relation) for r in direct.restrictions)
        return [
            fact for kind in kinds for fact in self._tables[(*node, *kind)].of_resource(resource_id)
        ]

    def _tree(self, node: Node, rewrite: Rewrite, resource_id: str, now_s: float) -> Tree:
        match rewrite:
            case Direct():
                return Tree("direct", facts=self._live(node, resource_id, now_s))
            case Computed(relation):
                return Tree("computed", relation)
            case Via(relation, link):
                facts = self._live((node[0], link), resource_id, now_s)
                return Tree("via", f"{relation} from {link}", facts)
            case Union() | Intersection() | Exclusion():
                parts = tuple(
                    self._tree(node, part, resource_id, now_s) for part in parts_of(rewrite)
                )
                return Tree(_OPERATORS[type(rewrite)], parts=parts)

    def _live(self, node: Node, resource_id: str, now_s: float) -> tuple[Fact, ...]:
        return tuple(
            fact
            for fact in self._facts(node, resource_id)
            if fact.until_s is None or fact.until_s > now_s
        )


_OPERATORS: dict[type, Literal["union", "intersection", "exclusion"]] = {
    Union: "union",
    Intersection: "intersection",
    Exclusion: "exclusion",
}
