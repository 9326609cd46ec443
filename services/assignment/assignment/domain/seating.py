"""Whose turn it is by one rule, kept in order while a board moves: a decision looks at a few reps, not at all of them.

Each rep who can take a lead has one key in a heap: share, then what the rule's tie-breakers compare, then the place in
the order of rep ids. A key that no longer holds stays in the heap until it comes up, and is dropped then.
"""

from __future__ import annotations

from array import array
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, TypeAlias

from assignment.domain.presence import is_away
from assignment.domain.reps import is_full
from assignment.domain.rules import TieBreaker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from assignment.domain.board import Board
    from assignment.domain.candidates import Candidates
    from assignment.domain.leads import RepId
    from assignment.domain.reps import Rep
    from assignment.domain.rules import Rule

    Key: TypeAlias = tuple[float, ...]


class Seating:
    """The candidates of one rule in the order of their turns, as a board has them.

    `counts` are as `assignment.domain.routing.Step` wants them. Whoever moves the board tells it by `move`.
    """

    def __init__(self, candidates: Candidates, turns: Mapping[RepId, int], board: Board) -> None:
        self._rule: Rule = candidates.rule
        self._reps = candidates.eligible
        self._turns = turns
        self._board = board
        self._asks_presence = candidates.rule.seen_within_s is not None or board.somebody_is_away
        self._places = {rep.rep_id: place for place, rep in enumerate(self._reps)}
        self._counts = array("I")
        for rep in self._reps:
            self._counts.extend(self._counted(rep))
        self._keys = [self._key(place) for place in range(len(self._reps))]
        self._heap = [key for key in self._keys if key is not None]
        heapify(self._heap)

    @property
    def size(self) -> int:
        """How many candidates there are."""
        return len(self._reps)

    def counts(self) -> tuple[int, ...]:
        """Everybody's counts at this moment."""
        return tuple(self._counts)

    def move(self, rep_id: RepId) -> None:
        """Takes note that a rep's turns, open leads or last lead are others."""
        place = self._places.get(rep_id)
        if place is None:
            return
        counted = self._counted(self._reps[place])
        width = len(counted)
        self._counts[place * width : (place + 1) * width] = array("I", counted)
        key = self._keys[place] = self._key(place)
        if key is not None:
            heappush(self._heap, key)

    def next(self, excluded: AbstractSet[RepId]) -> tuple[RepId, TieBreaker] | None:
        """Whose turn it is among those not `excluded`, and what decided among equal shares; None for nobody."""
        first, second = self._first_two(excluded)
        if first is None:
            return None
        return self._reps[int(first[-1])].rep_id, self._decided(first, second)

    def _first_two(self, excluded: AbstractSet[RepId]) -> tuple[Key | None, Key | None]:
        found: list[Key] = []
        passed: list[Key] = []
        while self._heap and len(found) < 2:
            key = heappop(self._heap)
            place = int(key[-1])
            if key is not self._keys[place]:
                continue
            passed.append(key)
            if self._reps[place].rep_id not in excluded:
                found.append(key)
        for key in passed:
            heappush(self._heap, key)
        return (found[0] if found else None), (found[1] if len(found) > 1 else None)

    def _decided(self, first: Key, second: Key | None) -> TieBreaker:
        if second is None or second[0] != first[0]:
            return TieBreaker.NONE
        for at, tie_breaker in enumerate(self._rule.ties, start=1):
            if first[at] != second[at]:
                return tie_breaker
        return TieBreaker.REP_ID

    def _counted(self, rep: Rep) -> tuple[int, ...]:
        counted = (self._turns[rep.rep_id], self._board.open_counts.get(rep.rep_id, 0))
        return (*counted, self._board.unseen_s(rep.rep_id)) if self._asks_presence else counted

    def _key(self, place: int) -> Key | None:
        """Where a rep stands, the lowest first; None for one who can take no lead."""
        rep, rule = self._reps[place], self._rule
        open_count = self._board.open_counts.get(rep.rep_id, 0)
        if not rule.is_last_resort and (
            is_full(rep, open_count)
            or (self._asks_presence and is_away(rule, self._board.unseen_s(rep.rep_id)))
        ):
            return None
        share = self._turns[rep.rep_id] / rep.weight
        if not rule.ties:
            return share, place
        return share, *(self._rank(rep, tie, open_count) for tie in rule.ties), place

    def _rank(self, rep: Rep, tie_breaker: TieBreaker, open_count: int) -> float:
        if tie_breaker is TieBreaker.FEWEST_OPEN:
            return open_count
        if tie_breaker is TieBreaker.LONGEST_IDLE:
            return -self._board.idle_s(rep.rep_id)
        return 0.0
