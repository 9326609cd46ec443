"""Who gets a lead: the fair turn among the candidates of its rule, then of the pools that the rule falls back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assignment.domain.presence import is_away
from assignment.domain.reps import is_full
from assignment.domain.rules import TieBreaker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from assignment.domain.board import Board
    from assignment.domain.candidates import Candidates, Path, Router
    from assignment.domain.leads import RepId
    from assignment.domain.reps import Rep
    from assignment.domain.rules import Rule, Subject

NOBODY: frozenset[RepId] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One pool that was asked.

    `counts` has two numbers for each eligible rep, in order: turns by this rule and open leads, before the decision;
    and a third where presence was asked about: seconds since the rep was seen, as in `Presence`.
    """

    candidates: Candidates
    counts: tuple[int, ...]

    @property
    def rule_id(self) -> str:
        """The rule or pool."""
        return self.candidates.rule.rule_id


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided, and on what: the steps that were taken, of which the first is the lead's own rule."""

    subject: Subject
    steps: tuple[Step, ...]

    @property
    def rule(self) -> Rule:
        """The rule that decides about the lead."""
        return self.steps[0].candidates.rule


@dataclass(frozen=True, slots=True)
class Assigned(Ruling):
    """It is this rep's turn; `tie_breaker` is what decided among equal shares.

    `is_out_of_turn` where the rep got it for another reason than their turn.
    """

    rep_id: RepId
    tie_breaker: TieBreaker
    is_out_of_turn: bool = False

    @property
    def pool_id(self) -> str:
        """The pool that the lead fell back to; empty where its own rule decided."""
        return self.steps[-1].rule_id if len(self.steps) > 1 and not self.is_out_of_turn else ""


@dataclass(frozen=True, slots=True)
class Unassignable(Ruling):
    """Every candidate had to be passed over."""


def route(
    path: Path, board: Board, *, excluded: AbstractSet[RepId] = NOBODY
) -> Assigned | Unassignable:
    """Decides who gets a lead, and moves the board on.

    The eligible rep with the lowest share of the rule's leads (turns divided by weight) who is there, not full and not
    `excluded` gets it; of equal shares the rule's tie-breakers decide, then the lowest rep id. Where there is nobody,
    the next pool is asked.
    """
    steps: list[Step] = []
    for candidates in path.steps:
        seating = board.seating(candidates)
        steps.append(Step(candidates, seating.counts()))
        turn = seating.next(excluded)
        if turn is not None:
            chosen, tie_breaker = turn
            board.give(candidates.rule.rule_id, chosen)
            return Assigned(path.subject, tuple(steps), chosen, tie_breaker)
    return Unassignable(path.subject, tuple(steps))


def route_to_acquaintance(
    router: Router, path: Path, board: Board, rep_id: RepId | None
) -> Assigned | None:
    """Gives a lead to the rep who had its customer before, and moves the board on.

    None where that is nobody, or not as the lead's rule wants it, or the rep is inactive, off duty, away or full. What
    else the rule asks of reps does not matter: the customer is known. It is no turn, so that shares stay fair.
    """
    first = path.steps[0]
    rep = router.reps.get(rep_id) if rep_id is not None else None
    if rep is None or not first.rule.is_sticky or not rep.active or rep.rep_id in router.duty.off:
        return None
    if is_full(rep, board.open_counts.get(rep.rep_id, 0)) or _is_away(first.rule, rep, board):
        return None
    return hand(path, board, rep.rep_id)


def hand(path: Path, board: Board, rep_id: RepId, steps: Sequence[Step] = ()) -> Assigned:
    """Gives a lead to somebody out of turn, and moves the board on; `steps` were asked before, if any."""
    first = path.steps[0]
    taken = tuple(steps) or (Step(first, board.seating(first).counts()),)
    board.hand(rep_id)
    return Assigned(path.subject, taken, rep_id, TieBreaker.NONE, is_out_of_turn=True)


def release(router: Router, board: Board, rep_id: RepId) -> bool:
    """Takes a lead from a rep; says whether that makes room where there was none."""
    rep = router.reps.get(rep_id)
    was_full = rep is not None and is_full(rep, board.open_counts.get(rep_id, 0))
    board.release(rep_id)
    return was_full


def most_urgent_first(subjects: Sequence[Subject]) -> list[int]:
    """The places of leads in the order in which they are routed: by score (AS-16), then by source weight (AS-01).

    Equals go as they came.
    """
    return sorted(range(len(subjects)), key=lambda i: (-subjects[i].score, -subjects[i].weight))


def _is_away(rule: Rule, rep: Rep, board: Board) -> bool:
    asks_presence = rule.seen_within_s is not None or board.somebody_is_away
    return asks_presence and is_away(rule, board.unseen_s(rep.rep_id))
