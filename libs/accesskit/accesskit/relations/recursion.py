"""Recursive checks: the least fixpoint over whatever facts say, cycles included.

A check of a recursive relation opens a `Scope`. Within it, each (relation, resource) is visited once per round; one
that is still open, or lies too deep to be entered from there, answers with what is known of it so far, at first
nothing. What lies too deep is visited afterwards on its own. While a round that cut a branch short also learnt
something, there is another round. Nothing outlives the scope, so an unfinished "no" is never remembered.
"""

from typing import Final, TypeAlias

from accesskit.decisions import Missing, Proof
from accesskit.relations.checks import Answer, Check, Context, never
from accesskit.relations.faults import TooDeep

VISITS_MAX: Final = 50_000
# The interpreter's stack holds a thousand calls; a visit takes three or more of them.
_OPEN_MAX: Final = 24

Key: TypeAlias = tuple[int, str]


class Scope:
    """What one recursive check knows so far, of one subject at one time in one context."""

    __slots__ = ("best", "done", "has_grown", "is_cut", "open", "starts", "visits_left")

    def __init__(self) -> None:
        self.best: dict[Key, Proof | Missing] = {}
        self.done: set[Key] = set()
        self.open: set[Key] = set()
        self.starts: dict[Key, RecursiveCheck] = {}
        self.has_grown = False
        self.is_cut = False
        self.visits_left = VISITS_MAX

    def enter(self, key: Key) -> None:
        """Open a visit; raises `TooDeep`."""
        self.visits_left -= 1
        if self.visits_left < 0:
            raise TooDeep(f"more than {VISITS_MAX} steps")
        self.open.add(key)

    def leave(self, key: Key, found: Answer) -> None:
        """Close a visit with what it found; an answer only ever grows: None, missing, proof."""
        self.open.discard(key)
        self.done.add(key)
        if found is None:
            return
        known = self.best.get(key)
        if known is None or (type(known) is Missing and type(found) is not Missing):
            self.best[key] = found
            self.has_grown = True

    def starts_another_round(self) -> bool:
        """Whether what was learnt may change answers that were cut short."""
        again = self.is_cut and self.has_grown
        self.is_cut = self.has_grown = False
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
        if key in scope.done or (known is not None and type(known) is not Missing):
            return known
        if key in scope.open or len(scope.open) >= _OPEN_MAX:
            scope.is_cut = True
            if key not in scope.open:
                scope.starts.setdefault(key, self)
            return known
        scope.enter(key)
        found = self.body(resource_id, kind, subject_id, now_s, context, scope)
        scope.leave(key, found)
        return scope.best.get(key)

    def _solve(
        self, resource_id: str, kind: str, subject_id: str, now_s: float, context: Context
    ) -> Answer:
        scope = Scope()
        root = (self._number, resource_id)
        scope.starts[root] = self
        while True:
            try:
                _run_round(scope, kind, subject_id, now_s, context)
            except RecursionError:
                raise TooDeep("the facts nest too deeply") from None
            found = scope.best.get(root)
            is_proof = found is not None and type(found) is not Missing
            if is_proof or not scope.starts_another_round():
                return found


def _run_round(scope: Scope, kind: str, subject_id: str, now_s: float, context: Context) -> None:
    # The last to be put off lies deepest: its answer goes first, for the others to build upon.
    waiting = list(scope.starts)
    while waiting:
        started = len(scope.starts)
        for key in reversed(waiting):
            scope.starts[key].check(key[1], kind, subject_id, now_s, context, scope)
        waiting = list(scope.starts)[started:]
