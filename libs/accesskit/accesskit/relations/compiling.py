"""From a model and its tables to a check per relation."""

from typing import Any

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
    linked_types,
)
from accesskit.language.validation import Node
from accesskit.relations import checks
from accesskit.relations.checks import Answer, Check
from accesskit.relations.closure import ClosureIndex
from accesskit.relations.edges import Edges
from accesskit.relations.recursion import RecursiveCheck
from accesskit.relations.shape import Shape, TableKey, Transitive


class Compiler:
    """Compiles each relation once. `closures` are the indexes to tell of changes, by the tables they read."""

    def __init__(self, model: Model, shape: Shape, tables: dict[TableKey, Edges]) -> None:
        self.closures: dict[TableKey, list[ClosureIndex]] = {}
        self._model = model
        self._shape = shape
        self._tables = tables
        self._checks: dict[Node, Check] = {}
        self._sole_closures: dict[Node, ClosureIndex] = {}

    def check(self, node: Node) -> Check:
        """The check of a relation that the model has."""
        if node not in self._checks:
            transitive = self._shape.transitive(node)
            if transitive is not None:
                self._checks[node] = self._closure_check(node, transitive)
            elif self._shape.is_recursive(node):
                recursive = RecursiveCheck(len(self._checks))
                self._checks[node] = recursive.check
                recursive.body = self._rewrite(node, self._model.rewrites[node])
            else:
                self._checks[node] = self._rewrite(node, self._model.rewrites[node])
        return self._checks[node]

    def _rewrite(self, node: Node, rewrite: Rewrite) -> Check:
        match rewrite:
            case Direct():
                return self._direct(node, rewrite)
            case Computed(relation):
                return self.check((node[0], relation))
            case Via(relation, link):
                return self._via(node[0], relation, link)
            case Union(parts):
                return self._union(node, parts)
            case Intersection(parts):
                return checks.all_of(tuple(self._rewrite(node, part) for part in parts))
            case Exclusion(base, minus):
                return checks.without(self._rewrite(node, base), self._rewrite(node, minus))

    def _union(self, node: Node, parts: tuple[Rewrite, ...]) -> Check:
        is_conditional = node in self._shape.conditional
        if not is_conditional and not self._shape.is_recursive(node):
            linked = self._linked(node, parts)
            if linked is not None:
                return linked
        return checks.any_of(
            tuple(self._rewrite(node, part) for part in parts), is_conditional=is_conditional
        )

    def _linked(self, node: Node, parts: tuple[Rewrite, ...]) -> Check | None:
        """`owner or superior from owner or ...` in one call; None if the union does not begin like that."""
        if len(parts) < 2:
            return None
        tables, via = self._sole_table(node, parts[0]), self._behind(node[0], parts[1])
        if tables is None or not isinstance(via, Via):
            return None
        subject_type, edges = tables
        index = self._index_from(node[0], via, edges)
        if index is None or not index.serves(subject_type):
            return None
        others = [self._rewrite(node, part) for part in parts[2:]]
        roots = {id(each): each for part in parts[2:] for each in self._roots(node, part, set())}
        return index.compiled_beside(
            edges,
            checks.any_of(tuple(others), is_conditional=False) if others else checks.never,
            tuple(roots.values()),
        )

    def _behind(self, type_name: str, rewrite: Rewrite) -> Rewrite:
        """What a relation that only names another stands for; the caller's relation does not recurse."""
        while isinstance(rewrite, Computed):
            rewrite = self._model.rewrites[type_name, rewrite.relation]
        return rewrite

    def _sole_table(self, node: Node, rewrite: Rewrite) -> tuple[str, Edges] | None:
        """The subject type and table of a relation that is stated of subjects by name, and in no other way."""
        while isinstance(rewrite, Computed):
            node = (node[0], rewrite.relation)
            rewrite = self._model.rewrites[node]
        if not isinstance(rewrite, Direct) or len(rewrite.restrictions) != 1:
            return None
        (only,) = rewrite.restrictions
        if only.relation or only.is_wildcard or only.condition:
            return None
        return only.type, self._tables[(*node, only.type, "")]

    def _index_from(self, type_name: str, via: Via, edges: Edges) -> ClosureIndex | None:
        """The index of the closure that `via` follows from these facts, and from no others."""
        linked = linked_types(self._model.rewrites[type_name, via.link])
        if len(linked) != 1 or self._tables[type_name, via.link, linked[0], ""] is not edges:
            return None
        target = (linked[0], via.relation)
        if target not in self._model.rewrites:
            return None
        self.check(target)
        return self._sole_closures.get(target)

    def _roots(self, node: Node, rewrite: Rewrite, seen: set[Node]) -> list[Edges]:
        """Tables such that the rewrite holds of no resource without a fact in one of them."""
        found: list[Edges] = []
        for leaf in leaves_of(rewrite):
            match leaf:
                case Direct(restrictions):
                    found += [self._tables[(*node, r.type, r.relation)] for r in restrictions]
                case Via(link=link):
                    for linked in linked_types(self._model.rewrites[node[0], link]):
                        found.append(self._tables[node[0], link, linked, ""])
                case Computed(relation) if (node[0], relation) not in seen:
                    other = (node[0], relation)
                    seen.add(other)
                    found += self._roots(other, self._model.rewrites[other], seen)
        return found

    def _direct(self, node: Node, direct: Direct) -> Check:
        kinds = dict.fromkeys((r.type, r.relation) for r in direct.restrictions)
        plain = {t: self._tables[(*node, t, "")] for t, relation in kinds if not relation}
        parts: list[Check] = []
        if plain:
            parts.append(_named(plain))
        parts += [
            self._through([(self._tables[(*node, *kind)], kind)]) for kind in kinds if kind[1]
        ]
        return checks.any_of(tuple(parts), is_conditional=node in self._shape.conditional)

    def _via(self, type_name: str, relation: str, link: str) -> Check:
        routes = [
            (self._tables[type_name, link, linked, ""], (linked, relation))
            for linked in linked_types(self._model.rewrites[type_name, link])
            if (linked, relation) in self._model.rewrites
        ]
        return self._through(routes)

    def _through(self, routes: list[tuple[Edges, Node]]) -> Check:
        edges, target = routes[0]
        is_conditional = edges.has_conditions or target in self._shape.conditional
        if len(routes) == 1 and not is_conditional:
            check = self.check(target)
            index = self._sole_closures.get(target)
            return index.compiled_from(edges) if index else checks.through_one(edges, check)
        return checks.through(tuple((edges, self.check(target)) for edges, target in routes))

    def _closure_check(self, node: Node, transitive: Transitive) -> Check:
        indexes: dict[str, ClosureIndex] = {}
        steps = tuple(self._tables[key] for key in transitive.steps)
        for subject_type in dict.fromkeys(key[2] for key in transitive.bases):
            keys = [key for key in transitive.bases if key[2] == subject_type]
            bases = tuple(self._tables[key] for key in keys)
            index = indexes[subject_type] = ClosureIndex(subject_type, steps, bases)
            for key in (*transitive.steps, *keys):
                self.closures.setdefault(key, []).append(index)
        if len(indexes) == 1:
            self._sole_closures[node] = next(iter(indexes.values()))
        return _in_closure(indexes)


def _named(plain: dict[str, Edges]) -> Check:
    if len(plain) == 1:
        ((subject_type, edges),) = plain.items()
        if not edges.has_wildcard and not edges.has_conditions:
            return checks.named(edges, subject_type)
    return checks.named_anyhow(plain)


def _in_closure(indexes: dict[str, ClosureIndex]) -> Check:
    compiled = {subject_type: index.compiled() for subject_type, index in indexes.items()}
    if len(compiled) == 1:
        return next(iter(compiled.values()))

    def check(resource_id: str, kind: str, subject_id: str, now_s: float, *_: Any) -> Answer:
        chosen = compiled.get(kind)
        return None if chosen is None else chosen(resource_id, kind, subject_id, now_s)

    return check
