"""The order of turns is kept while a board moves: at every step as if all candidates were looked at anew."""

from __future__ import annotations

from typing import Any

from assignment.domain.board import Board
from assignment.domain.candidates import Candidates, Router
from assignment.domain.leads import RepId
from assignment.domain.presence import AWAY_S, Presence, is_away
from assignment.domain.reps import Roster, is_full
from assignment.domain.routing import Assigned, route
from assignment.domain.rules import TieBreaker
from hypothesis import given, settings
from hypothesis import strategies as st

TIES = ((), (TieBreaker.FEWEST_OPEN,), (TieBreaker.FEWEST_OPEN, TieBreaker.LONGEST_IDLE))
people = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 6), st.sampled_from([5, 500, AWAY_S])),
    min_size=1,
    max_size=7,
)
moves = st.lists(st.tuples(st.sampled_from("grho"), st.integers(0, 6)), max_size=60)


def looked_at_anew(
    candidates: Candidates, board: Board, excluded: set[RepId]
) -> tuple[RepId, TieBreaker] | None:
    """Whose turn it is, by looking at everybody."""
    rule, turns = candidates.rule, board.turns_of(candidates.rule.rule_id)
    able = [
        rep
        for rep in candidates.eligible
        if rep.rep_id not in excluded
        and not is_full(rep, board.open_counts.get(rep.rep_id, 0))
        and not is_away(rule, board.unseen_s(rep.rep_id))
    ]
    if not able:
        return None
    lowest = min(turns[rep.rep_id] / rep.weight for rep in able)
    tied = [rep for rep in able if turns[rep.rep_id] / rep.weight == lowest]
    decided = TieBreaker.NONE
    for tie in rule.ties:
        if len(tied) == 1:
            break
        decided = tie
        if tie is TieBreaker.FEWEST_OPEN:
            ranks = [float(board.open_counts.get(rep.rep_id, 0)) for rep in tied]
        else:
            ranks = [-board.idle_s(rep.rep_id) for rep in tied]
        tied = [rep for rep, rank in zip(tied, ranks, strict=True) if rank == min(ranks)]
    if len(tied) > 1:
        decided = TieBreaker.REP_ID
    return tied[0].rep_id, decided


@given(people=people, moves=moves, ties=st.sampled_from(TIES))
@settings(max_examples=150, deadline=None)
def test_the_turn_is_the_one_that_looking_at_everybody_finds(
    build: Any, people: list[tuple[int, int, int]], moves: list[tuple[str, int]], ties: Any
) -> None:
    rule = build.rule(ties=ties, seen_within_s=100)
    reps = [
        build.rep(f"rep-{number}", weight=weight, capacity=capacity)
        for number, (weight, capacity, _) in enumerate(people)
    ]
    presence = {
        RepId(f"rep-{number}"): Presence(unseen_s, float(number % 3))
        for number, (*_, unseen_s) in enumerate(people)
    }
    board = Board([], [], presence)
    router = Router(build.rules(rule), Roster.of(1, reps))
    paths = [router.path(build.lead(industry=industry)) for industry in ("教育", "医疗")]

    for number, (move, at) in enumerate(moves):
        rep_id = reps[at % len(reps)].rep_id
        path = paths[number % 2]
        (candidates,) = path.steps
        if move == "r" and board.open_counts.get(rep_id, 0) > 0:
            board.release(rep_id)
        elif move == "h":
            board.hand(rep_id)
        else:
            excluded = {rep_id} if move == "o" else set()
            board.seat(candidates)
            expected = looked_at_anew(candidates, board, excluded)
            turns = dict(board.turns_of(rule.rule_id))
            opened = dict(board.open_counts)
            ruling = route(path, board, excluded=excluded)
            found = (ruling.rep_id, ruling.tie_breaker) if isinstance(ruling, Assigned) else None
            assert found == expected
            numbers = iter(ruling.steps[0].counts)
            for rep in candidates.eligible:
                seen = (next(numbers), next(numbers), next(numbers))
                unseen_s = board.unseen_s(rep.rep_id)
                assert seen == (turns[rep.rep_id], opened.get(rep.rep_id, 0), unseen_s)
