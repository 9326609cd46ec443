"""Whose turn it is, and who has how much to do: the state that each decision reads and moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.presence import AWAY_S, UNKNOWN, Presence
from assignment.domain.seating import Seating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assignment.domain.candidates import Candidates
    from assignment.domain.leads import RepId
    from assignment.domain.reps import Rep


class Board:
    """Turns taken by rule, open leads and presence by rep.

    `turns` are leads given, by rule and rep; `open_counts` maps reps to open leads. `moved`, `opened` and `given` say
    what has changed since: turns to write, differences of open leads, leads given.
    """

    def __init__(
        self,
        turns: Iterable[tuple[str, RepId, int]],
        open_counts: Iterable[tuple[RepId, int]],
        presence: Mapping[RepId, Presence] | None = None,
    ) -> None:
        self._turns: dict[str, dict[RepId, int]] = {}
        for rule_id, rep_id, count in turns:
            self._turns.setdefault(rule_id, {})[rep_id] = count
        self.open_counts = dict(open_counts)
        self.presence = dict(presence or {})
        self.somebody_is_away = any(each.unseen_s == AWAY_S for each in self.presence.values())
        self._seated: set[Candidates] = set()
        self._seatings: dict[Candidates, tuple[Seating, int]] = {}
        self._movements: list[RepId] = []
        self.moved: set[tuple[str, RepId]] = set()
        self.opened: dict[RepId, int] = {}
        self.given: dict[RepId, int] = {}

    def turns_of(self, rule_id: str) -> dict[RepId, int]:
        """Leads given by a rule, by rep."""
        return self._turns.setdefault(rule_id, {})

    def seat(self, candidates: Candidates) -> dict[RepId, int]:
        """The turns of a rule, in which every candidate has a place.

        A rep who is new to the rule starts at the lowest share of the others: level with them, not behind by all that
        they were given before.
        """
        turns = self.turns_of(candidates.rule.rule_id)
        if candidates not in self._seated:
            self._seated.add(candidates)
            newcomers = [rep for rep in candidates.eligible if rep.rep_id not in turns]
            if newcomers:
                self._join(candidates, newcomers, turns)
        return turns

    def seating(self, candidates: Candidates) -> Seating:
        """The candidates of a rule in the order of their turns, as of now."""
        turns = self.seat(candidates)
        seating, heard = self._seatings.get(candidates, (None, 0))
        missed = len(self._movements) - heard
        # Beyond one movement for each candidate it costs less to seat them all anew.
        if seating is None or missed > seating.size:
            seating = Seating(candidates, turns, self)
        else:
            for rep_id in self._movements[heard:]:
                seating.move(rep_id)
        self._seatings[candidates] = seating, len(self._movements)
        return seating

    def unseen_s(self, rep_id: RepId) -> int:
        """Seconds since a rep was seen."""
        return self.presence.get(rep_id, UNKNOWN).unseen_s

    def idle_s(self, rep_id: RepId) -> float:
        """Seconds since a rep was given a lead; below 0 for one who was given one by this board."""
        if rep_id in self.given:
            return -1.0
        return self.presence.get(rep_id, UNKNOWN).idle_s

    def give(self, rule_id: str, rep_id: RepId) -> None:
        """Takes note that a rule has given a lead to a rep."""
        self.turns_of(rule_id)[rep_id] += 1
        self.moved.add((rule_id, rep_id))
        self.hand(rep_id)

    def hand(self, rep_id: RepId) -> None:
        """Takes note that somebody has been given a lead out of turn."""
        self.given[rep_id] = self.given.get(rep_id, 0) + 1
        self._move_open(rep_id, 1)

    def forget_turns(self, rep_ids: Iterable[RepId]) -> None:
        """Lets reps join every rule anew."""
        for turns in self._turns.values():
            for rep_id in rep_ids:
                turns.pop(rep_id, None)
        self._seated.clear()
        self._seatings.clear()
        self._movements.clear()

    def release(self, rep_id: RepId) -> None:
        """Takes note that a rep has one open lead less."""
        self._move_open(rep_id, -1)

    def _move_open(self, rep_id: RepId, difference: int) -> None:
        self.open_counts[rep_id] = self.open_counts.get(rep_id, 0) + difference
        self.opened[rep_id] = self.opened.get(rep_id, 0) + difference
        self._movements.append(rep_id)

    def _join(self, candidates: Candidates, newcomers: list[Rep], turns: dict[RepId, int]) -> None:
        seated = [rep for rep in candidates.eligible if rep.rep_id in turns]
        lowest = min(seated, key=lambda rep: turns[rep.rep_id] / rep.weight, default=None)
        for rep in newcomers:
            # Whole numbers, rounded up: nobody joins ahead of the one whose turn it is.
            start = 0 if lowest is None else -(-turns[lowest.rep_id] * rep.weight // lowest.weight)
            turns[rep.rep_id] = start
            self.moved.add((candidates.rule.rule_id, rep.rep_id))
