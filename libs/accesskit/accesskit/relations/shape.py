"""What is known of a model before any fact: which relations recurse, are transitive, or can be conditional."""

from dataclasses import dataclass
from functools import cached_property

from accesskit.language import Model
from accesskit.language.model import (
    Computed,
    Direct,
    Restriction,
    Rewrite,
    Union,
    Via,
    leaves_of,
    linked_types,
)
from accesskit.language.validation import Node, dependencies, reachable

TableKey = tuple[str, str, str, str]
"""(resource type, relation, subject type, subject relation)."""


@dataclass(frozen=True)
class Transitive:
    """A relation that is the closure of `steps`, ending in `bases`; each names the tables of its facts."""

    steps: tuple[TableKey, ...]
    bases: tuple[TableKey, ...]


class Shape:
    """The dependencies of a model's relations."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._graph = dependencies(model)
        self._stages: dict[Node, list[list[Node]]] = {}
        self._reach = {node: reachable(self._graph, self._graph[node]) for node in self._graph}

    def is_recursive(self, node: Node) -> bool:
        """Whether the relation depends on itself."""
        return node in self._reach[node]

    @cached_property
    def conditional(self) -> frozenset[Node]:
        """The relations whose answer can depend on context."""
        own = {node for node in self._graph if self._has_conditions(node)}
        return frozenset(n for n in self._graph if n in own or self._reach[n] & own)

    def stages(self, node: Node) -> list[list[Node]]:
        """The relations that decide `node`, itself last; those that depend on each other share a stage."""
        if node not in self._stages:
            self._stages[node] = self._staged(node)
        return self._stages[node]

    def _staged(self, node: Node) -> list[list[Node]]:
        needed = self._reach[node] | {node}
        stages: dict[frozenset[Node], list[Node]] = {}
        for each in sorted(needed, key=lambda n: len(self._reach[n] | {n})):
            stages.setdefault(frozenset(self._reach[each] | {each}), []).append(each)
        return list(stages.values())

    def transitive(self, node: Node) -> Transitive | None:
        """The relation as a closure over unconditioned facts, when it is one."""
        if not self.is_recursive(node) or node in self.conditional:
            return None
        steps: list[TableKey] = []
        bases: list[TableKey] = []
        for part in _union_parts(self._model.rewrites[node]):
            found = self._closure_part(node, part)
            if found is None:
                return None
            steps += found[0]
            bases += found[1]
        return Transitive(tuple(steps), tuple(bases))

    def _closure_part(
        self, node: Node, part: Rewrite
    ) -> tuple[list[TableKey], list[TableKey]] | None:
        type_name, relation = node
        match part:
            case Direct(restrictions):
                return _direct_tables(node, restrictions)
            case Computed(other):
                target = self._model.rewrites[type_name, other]
                tables = isinstance(target, Direct) and _direct_tables(
                    (type_name, other), target.restrictions
                )
                return tables if tables and not tables[0] else None
            case Via(other, link) if other == relation:
                linked = linked_types(self._model.rewrites[type_name, link])
                holding = [t for t in linked if (t, relation) in self._model.rewrites]
                return ([(type_name, link, type_name, "")], []) if holding == [type_name] else None
            case _:
                return None

    def _has_conditions(self, node: Node) -> bool:
        for leaf in leaves_of(self._model.rewrites[node]):
            direct: Rewrite = leaf
            if isinstance(leaf, Via):
                direct = self._model.rewrites[node[0], leaf.link]
            if isinstance(direct, Direct) and any(r.condition for r in direct.restrictions):
                return True
        return False


def _union_parts(rewrite: Rewrite) -> list[Rewrite]:
    if isinstance(rewrite, Union):
        return [leaf for part in rewrite.parts for leaf in _union_parts(part)]
    return [rewrite]


def _direct_tables(
    node: Node, restrictions: tuple[Restriction, ...]
) -> tuple[list[TableKey], list[TableKey]] | None:
    if any(r.relation and (r.type, r.relation) != node for r in restrictions):
        return None
    keys = [(*node, r.type, r.relation) for r in restrictions]
    return [k for k in keys if k[3]], list(dict.fromkeys(k for k in keys if not k[3]))
