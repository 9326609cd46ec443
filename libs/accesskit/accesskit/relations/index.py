"""The relations of a model over the facts that are stated: what the decision function asks."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from accesskit.decisions import Missing
from accesskit.facts import EVERYONE, Fact
from accesskit.language import Model, compile_condition
from accesskit.language.model import Direct, leaves_of
from accesskit.language.validation import Node
from accesskit.relations.checks import Check
from accesskit.relations.compiling import Compiler
from accesskit.relations.edges import Edges, Entry
from accesskit.relations.faults import FactRefused, UnknownRelation
from accesskit.relations.listing import Listing, Tree
from accesskit.relations.reverse import Search
from accesskit.relations.shape import Shape, TableKey


class Relations:
    """The compiled model over an in-memory index of facts.

    Not for several threads. Whoever states facts has checked their names (`accesskit.facts.checked_name`); here the
    model decides whether such a fact may be. Checks and searches raise `TooDeep`, `BadValue` and `ConditionFailed` (all
    `Invalid`) where there is no answer; none of them is ever an allow.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._conditions = {c.name: compile_condition(c) for c in model.conditions}
        self._tables: dict[TableKey, Edges] = {}
        self._allowed: set[tuple[str, str, str, str, bool, str]] = set()
        for node in model.rewrites:
            self._lay_tables(node)
        self._shape = Shape(model)
        compiler = Compiler(model, self._shape, self._tables)
        self._checks = {node: compiler.check(node) for node in model.rewrites}
        for key, closures in compiler.closures.items():
            self._tables[key].watchers = tuple(closure.forget for closure in closures)
        self._listing = Listing(model, self._tables)

    def put(self, fact: Fact) -> None:
        """State a fact, in place of one with the same key; raises `FactRefused`, `UnknownRelation`, `BadValue`."""
        edges = self._tables.get(_table_key(fact))
        if fact.subject_id == EVERYONE or fact.condition or edges is None or not edges.takes_plain:
            edges = self._admitting(fact)
        if fact.until_s is not None or fact.context or fact.resource_id == EVERYONE:
            _check_shape(fact)
        if fact.condition:
            self._conditions[fact.condition].checked_arguments(fact.context)
        edges.put(fact)
        for tell in edges.watchers:
            tell(fact.resource_id)

    def remove(self, fact: Fact) -> None:
        """Forget the fact with this key; harmless if there is none."""
        edges = self._tables.get(_table_key(fact))
        if edges is not None and edges.remove(fact.resource_id, fact.subject_id) is not None:
            for tell in edges.watchers:
                tell(fact.resource_id)

    def facts(
        self,
        *,
        resource_type: str | None = None,
        resource_id: str | None = None,
        relation: str | None = None,
        subject_type: str | None = None,
        subject_id: str | None = None,
    ) -> Iterator[Fact]:
        """The facts that match every given field, expired ones too; in no particular order."""
        for (of_type, of_relation, about_type, _), edges in self._tables.items():
            if (
                resource_type in (None, of_type)
                and relation in (None, of_relation)
                and subject_type in (None, about_type)
            ):
                yield from _matching(edges, resource_id, subject_id)

    def checker(self, resource_type: str, relation: str) -> Check:
        """The compiled check of a relation: resolve once, call often. Raises `UnknownRelation`.

        It is called with (resource_id, subject_type, subject_id, now_s, context) and returns the proof, `Missing`, or
        None.
        """
        return self._checks[self._known(resource_type, relation)]

    def entries(self, resource_type: str, relation: str, subject_type: str) -> Mapping[str, Entry]:
        """The facts by which subjects of the type are named in the relation, by resource id: a live view.

        Raises `UnknownRelation`, also where the model has no such facts.
        """
        edges = self._tables.get((resource_type, relation, subject_type, ""))
        if edges is None:
            raise UnknownRelation(resource_type, relation)
        return edges.forward

    def entries_of(self, resource_type: str, *, but_not: str) -> list[Mapping[str, Entry]]:
        """All facts about resources of the type, by resource id, but those of one relation: live views."""
        return [
            edges.forward
            for (of_type, relation, _, _), edges in self._tables.items()
            if of_type == resource_type and relation != but_not
        ]

    def resources(
        self,
        subject_type: str,
        subject_id: str,
        resource_type: str,
        relation: str,
        *,
        now_s: float,
        context: Mapping[str, Any] | None = None,
    ) -> tuple[set[str], set[str]]:
        """Ids of the resources whose relation holds, and of those where it depends on missing context."""
        node = self._known(resource_type, relation)
        subject = (subject_type, subject_id)
        held = Search(self.model, self._tables, subject, now_s, context).run(node, self._shape)
        return held.sure, held.open

    def subjects(
        self,
        resource_type: str,
        resource_id: str,
        relation: str,
        *,
        subject_type: str,
        now_s: float,
        context: Mapping[str, Any] | None = None,
    ) -> tuple[set[str], set[str], bool]:
        """Ids that hold, ids that depend on missing context, and whether any other subject of the type holds too.

        With the last, whoever is not among the ids may still be excepted: ask the check. The id `*` among the open
        ids means that for any other subject it depends.
        """
        node = self._known(resource_type, relation)
        check = self._checks[node]
        sure: set[str] = set()
        unsure: set[str] = set()
        for subject_id in self._listing.candidates(node, resource_id, subject_type) | {EVERYONE}:
            found = check(resource_id, subject_type, subject_id, now_s, context)
            if found is not None:
                (unsure if type(found) is Missing else sure).add(subject_id)
        is_everyone = EVERYONE in sure
        return sure - {EVERYONE}, unsure, is_everyone

    def expand(self, resource_type: str, resource_id: str, relation: str, *, now_s: float) -> Tree:
        """One level of how the relation comes to hold for this resource; raises `UnknownRelation`."""
        return self._listing.tree(self._known(resource_type, relation), resource_id, now_s)

    def _lay_tables(self, node: Node) -> None:
        for leaf in leaves_of(self.model.rewrites[node]):
            for r in leaf.restrictions if isinstance(leaf, Direct) else ():
                edges = self._tables.setdefault(
                    (*node, r.type, r.relation), Edges(self._conditions)
                )
                edges.has_conditions = edges.has_conditions or bool(r.condition)
                edges.has_wildcard = edges.has_wildcard or r.is_wildcard
                edges.takes_plain = edges.takes_plain or not (r.is_wildcard or r.condition)
                self._allowed.add((*node, r.type, r.relation, r.is_wildcard, r.condition))

    def _known(self, resource_type: str, relation: str) -> Node:
        if (resource_type, relation) not in self.model.rewrites:
            raise UnknownRelation(resource_type, relation)
        return resource_type, relation

    def _admitting(self, fact: Fact) -> Edges:
        """The table that takes such a fact; raises what says that none does."""
        key = _table_key(fact)
        if (*key, fact.subject_id == EVERYONE, fact.condition) not in self._allowed:
            raise self._refusal(fact)
        return self._tables[key]

    def _refusal(self, fact: Fact) -> FactRefused:
        node = self._known(fact.resource_type, fact.relation)
        subject = fact.subject_type + (f"#{fact.subject_relation}" if fact.subject_relation else "")
        kind = f"{fact.subject_type}:*" if fact.subject_id == EVERYONE else subject
        condition = f"with condition {fact.condition}" if fact.condition else "with no condition"
        return FactRefused(*node, f"it takes no {kind} {condition}")


def _table_key(fact: Fact) -> TableKey:
    return fact.resource_type, fact.relation, fact.subject_type, fact.subject_relation


def _check_shape(fact: Fact) -> None:
    if fact.resource_id == EVERYONE:
        raise FactRefused(fact.resource_type, fact.relation, "a resource cannot be everyone")
    if fact.context and not fact.condition:
        raise FactRefused(fact.resource_type, fact.relation, "a context needs a condition")
    if fact.until_s is not None and math.isnan(fact.until_s):
        raise FactRefused(fact.resource_type, fact.relation, "its end is no time")


def _matching(edges: Edges, resource_id: str | None, subject_id: str | None) -> Iterator[Fact]:
    if resource_id is not None and subject_id is not None:
        fact = edges.find(resource_id, subject_id)
        if fact is not None:
            yield fact
    elif resource_id is not None:
        yield from edges.of_resource(resource_id)
    elif subject_id is not None:
        yield from edges.of_subject(subject_id)
    else:
        for key in edges.forward:
            yield from edges.of_resource(key)
