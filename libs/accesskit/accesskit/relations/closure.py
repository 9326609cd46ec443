"""Transitive relations (`superior: manager or superior from manager`) answered by one lookup.

For each resource that is asked about, everything within reach is found once, by a search that cycles cannot trap, and
is kept until a fact on the way changes or the time leaves the span in which the facts found are the live ones.
"""

import math
from collections.abc import Iterator
from typing import Final

from accesskit.facts import EVERYONE, Fact
from accesskit.relations.checks import Answer, Check, Context, any_of, named, through_one
from accesskit.relations.edges import Edges

_REACHES_MAX: Final = 200_000


class Reach:
    """Who holds the relation for one resource, from `from_s` until before `until_s`.

    `holders` gives, by subject id, the chain of facts that proves it, or only its last until somebody asks. `steps`
    gives, by id of a place on the way, the fact that led there.
    """

    __slots__ = ("from_s", "holders", "steps", "until_s")

    def __init__(self) -> None:
        self.holders: dict[str, Fact | tuple[Fact, ...]] = {}
        self.steps: dict[str, Fact | None] = {}
        self.from_s = -math.inf
        self.until_s = math.inf

    def is_live(self, fact: Fact, now_s: float) -> bool:
        """Whether the fact holds now; narrows the span in which this answer is the same for every fact asked about."""
        if fact.until_s is None:
            return True
        if fact.until_s <= now_s:
            self.from_s = max(self.from_s, fact.until_s)
            return False
        self.until_s = min(self.until_s, fact.until_s)
        return True

    def prove(self, last: Fact) -> tuple[Fact, ...]:
        """The shortest chain of facts that ends with this one."""
        fact: Fact | None = last
        chain: list[Fact] = []
        while fact is not None:
            chain.append(fact)
            fact = self.steps[fact.resource_id]
        proof = self.holders[last.subject_id] = tuple(reversed(chain))
        return proof


class ClosureIndex:
    """The holders of one transitive relation, among the subjects of one type.

    `steps` lead from a resource to others of its type that pass the relation on; `bases` name the holders.
    """

    def __init__(
        self,
        subject_type: str,
        steps: tuple[Edges, ...],
        bases: tuple[Edges, ...],
    ) -> None:
        self._subject_type = subject_type
        self._steps = steps
        self._bases = bases
        self._has_wildcard = any(edges.has_wildcard for edges in bases)
        self._reaches: dict[str, Reach] = {}

    def compiled(self) -> Check:
        """The check: the chain of facts by which the subject holds the relation."""
        reach_of, search = self._reaches.get, self._search
        subject_type, has_wildcard = self._subject_type, self._has_wildcard

        def check(
            resource_id: str,
            kind: str,
            subject_id: str,
            now_s: float,
            _context: Context = None,
            _scope: object = None,
        ) -> Answer:
            reach = reach_of(resource_id)
            if reach is None or not reach.from_s <= now_s < reach.until_s:
                reach = search(resource_id, now_s)
            found = reach.holders.get(subject_id)
            if found is None and has_wildcard:
                found = reach.holders.get(EVERYONE)
            if found is None or kind != subject_type:
                return None
            return reach.prove(found) if type(found) is Fact else found

        return check

    def compiled_from(self, edges: Edges) -> Check:
        """The check of `closure from edges` in one call; what is not one lasting fact goes the general way."""
        entry_of, reach_of = edges.forward.get, self._reaches.get
        subject_type = self._subject_type
        in_general = through_one(edges, self.compiled())

        def check(
            resource_id: str,
            kind: str,
            subject_id: str,
            now_s: float,
            context: Context = None,
            scope: object = None,
        ) -> Answer:
            entry = entry_of(resource_id)
            if entry is None:
                return None
            if type(entry) is Fact and entry.until_s is None and kind == subject_type:
                reach = reach_of(entry.subject_id)
                if reach is not None and reach.from_s <= now_s < reach.until_s:
                    found = reach.holders.get(subject_id)
                    if type(found) is tuple:
                        return (entry, found)
                    if found is None and not self._has_wildcard:
                        return None
            return in_general(resource_id, kind, subject_id, now_s, context, scope)

        return check

    def compiled_beside(self, edges: Edges, others: Check, roots: tuple[Edges, ...]) -> Check:
        """The check of `edges or closure from edges or others`, for a relation without wildcards or conditions.

        `others` can only hold of a resource that has a fact in one of the `roots`.
        """
        entry_of, reach_of = edges.forward.get, self._reaches.get
        subject_type = self._subject_type
        forwards = tuple(table.forward for table in roots)
        in_general = any_of(
            (named(edges, subject_type), self.compiled_from(edges), others), is_conditional=False
        )

        def check(
            resource_id: str,
            kind: str,
            subject_id: str,
            now_s: float,
            context: Context = None,
            scope: object = None,
        ) -> Answer:
            entry = entry_of(resource_id)
            # Where no fact of the table ends, none needs to be looked into for that.
            if (
                type(entry) is Fact
                and kind == subject_type
                and not (edges.guarded_count and entry.until_s is not None)
            ):
                linked_id = entry.subject_id
                if linked_id == subject_id:
                    return entry
                reach = reach_of(linked_id)
                if reach is not None and reach.from_s <= now_s < reach.until_s:
                    found = reach.holders.get(subject_id)
                    if found is not None:
                        return (entry, reach.prove(found) if type(found) is Fact else found)
                    for forward in forwards:
                        if resource_id in forward:
                            return others(resource_id, kind, subject_id, now_s, context, scope)
                    return None
            return in_general(resource_id, kind, subject_id, now_s, context, scope)

        return check

    def serves(self, subject_type: str) -> bool:
        """Whether its holders are of this type, and each is named."""
        return subject_type == self._subject_type and not self._has_wildcard

    def forget(self, resource_id: str) -> None:
        """A fact of this resource changed: what was found through it is void."""
        if not self._reaches:
            return
        seen: set[str] = set()
        waiting = [resource_id]
        while waiting:
            place = waiting.pop()
            if place not in seen:
                seen.add(place)
                self._reaches.pop(place, None)
                for step in self._steps:
                    waiting += [fact.resource_id for fact in step.of_subject(place)]

    def _search(self, resource_id: str, now_s: float) -> Reach:
        reach = Reach()
        reach.steps[resource_id] = None
        places = [resource_id]
        for place in places:
            for fact in _of(self._bases, place):
                if fact.subject_id not in reach.holders and reach.is_live(fact, now_s):
                    reach.holders[fact.subject_id] = fact
            for fact in _of(self._steps, place):
                if fact.subject_id not in reach.steps and reach.is_live(fact, now_s):
                    reach.steps[fact.subject_id] = fact
                    places.append(fact.subject_id)
        if len(self._reaches) >= _REACHES_MAX:
            self._reaches.clear()
        self._reaches[resource_id] = reach
        return reach


def _of(tables: tuple[Edges, ...], place: str) -> Iterator[Fact]:
    for edges in tables:
        yield from edges.of_resource(place)
