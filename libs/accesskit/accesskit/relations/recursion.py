"""Recursive checks: the least fixpoint over whatever facts say, cycles included.

A check of a recursive relation opens a `Scope`. Within it, each (relation, resource) is visited once per round; one
that is still open answers with what is known of it so far, at first nothing. While a round that met such a cycle learnt
something, there is another round. Nothing outlives the scope, so an unfinished "no" is never remembered.
"""

from typing import Final

from accesskit.decisions import Missing, Proof
from accesskit.relations.checks import Answer, Check, Context, never
from accesskit.relations.faults import TooDeep

DEPTH_MAX: Final = 64
VISITS_MAX: Final = 200_000


class Scope:
    """What one recursive check knows so far, of one subject at one time in one context."""

    __slots__ = ("best", "done", "has_grown", "is_cyclic", "open", "visit_count")

    def __init__(self) -> None:
        self.best: dict[tuple[int, str], Proof | Missing] = {}
        self.done: set[tuple[int, str]] = set()
        self.open: set[tuple[int, str]] = set()
        self.is_cyclic = False
        self.has_grown = False
        self.visit_count = 0

    def enter(self, key: tuple[int, str]) -> None:
        """Open a visit; raises `TooDeep`."""
        self.visit_count += 1
        self.open.add(key)
        if len(self.open) > DEPTH_MAX:
            raise TooDeep(f"more than {DEPTH_MAX} facts in a chain")
        if self.visit_count > VISITS_MAX:
            raise TooDeep(f"more than {VISITS_MAX} steps")

    def leave(self, key: tuple[int, str], found: Answer) -> None:
        """Close a visit with what it found; an answer only ever grows: None, missing, proof."""
        self.open.discard(key)
        self.done.add(key)
        if found is None:
            return
        known = self.best.get(key)
        if known is None or (isinstance(known, Missing) and not isinstance(found, Missing)):
            self.best[key] = found
            self.has_grown = True

    def starts_another_round(self) -> bool:
        """Whether what was learnt may change answers that met a cycle."""
        again = self.is_cyclic and self.has_grown
        self.is_cyclic = self.has_grown = False
        self.done.clear()
        return again


class RecursiveCheck:
    """The check of a relation that depends on itself. `body` is compiled once all such checks exist."""

    def __init__(self, number: int) -> None:
        self.body: Check = never
        self._number = number

    def check(
        self,
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        context: Context,
        scope: Scope | None = None,
    ) -> Answer:
        """As every check; raises `TooDeep` where the answer is out of reach."""
        if scope is None:
            return self._solve(resource_id, kind, subject_id, now_s, context)
        key = (self._number, resource_id)
        known = scope.best.get(key)
        if key in scope.done or (known is not None and not isinstance(known, Missing)):
            return known
        if key in scope.open:
            scope.is_cyclic = True
            return known
        scope.enter(key)
        found = self.body(resource_id, kind, subject_id, now_s, context, scope)
        scope.leave(key, found)
        return scope.best.get(key)

    def _solve(
        self, resource_id: str, kind: str, subject_id: str, now_s: float, context: Context
    ) -> Answer:
        scope = Scope()
        while True:
            try:
                found = self.check(resource_id, kind, subject_id, now_s, context, scope)
            except RecursionError:
                raise TooDeep("the facts nest too deeply") from None
            is_proof = found is not None and not isinstance(found, Missing)
            if is_proof or not scope.starts_another_round():
                return found
