"""Turns are fair: over any stretch of leads, by weight, and for those who come later."""

from __future__ import annotations

from collections import Counter
from typing import Any

from assignment.domain.board import Board
from assignment.domain.candidates import Router
from assignment.domain.leads import RepId
from assignment.domain.reps import Roster
from assignment.domain.routing import Assigned, route
from hypothesis import given, settings
from hypothesis import strategies as st

weights = st.lists(st.integers(1, 7), min_size=1, max_size=12)


def take_turns(router: Router, board: Board, lead: Any, count: int) -> list[str]:
    rulings = [route(router.path(lead), board) for _ in range(count)]
    return [ruling.rep_id for ruling in rulings if isinstance(ruling, Assigned)]


def router_of(build: Any, weights_by_rep: list[int], **named: Any) -> Router:
    reps = [build.rep(f"rep-{i:02}", weight=w, **named) for i, w in enumerate(weights_by_rep)]
    return Router(build.rules(), Roster.of(1, reps))


@given(shares=weights, count=st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_after_any_number_of_leads_no_rep_is_more_than_one_turn_ahead(
    build: Any, shares: list[int], count: int
) -> None:
    router = router_of(build, shares)
    board = Board([], [])
    given_to: Counter[str] = Counter()

    for chosen in take_turns(router, board, build.lead(), count):
        given_to[chosen] += 1
        for ahead in router.roster.reps:
            for behind in router.roster.reps:
                lead = (
                    given_to[ahead.rep_id] / ahead.weight - given_to[behind.rep_id] / behind.weight
                )
                assert lead <= 1 / ahead.weight + 1e-9


@given(count=st.integers(0, 200), later=st.integers(1, 60), weight=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_a_rep_who_joins_later_is_level_with_the_others_from_then_on(
    build: Any, count: int, later: int, weight: int
) -> None:
    first = router_of(build, [1, 2, 3])
    board = Board([], [])
    take_turns(first, board, build.lead(), count)
    newcomer = build.rep("newcomer", weight=weight)
    second = Router(build.rules(), Roster.of(2, [*first.roster.reps, newcomer]))

    after = Counter(take_turns(second, board, build.lead(), later))

    fair = later * weight / (6 + weight)
    assert abs(after["newcomer"] - fair) <= weight + 1


@given(rounds=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_equal_shares_go_by_rep_id(build: Any, rounds: int) -> None:
    router = router_of(build, [1, 1, 1])

    turns = take_turns(router, Board([], []), build.lead(), rounds)

    assert turns == [f"rep-{i % 3:02}" for i in range(rounds)]


@given(capacity=st.integers(1, 20), count=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_nobody_is_ever_given_more_than_their_capacity(
    build: Any, capacity: int, count: int
) -> None:
    router = router_of(build, [1, 5, 2], capacity=capacity)

    given_to = Counter(take_turns(router, Board([], []), build.lead(), count))

    assert sum(given_to.values()) == min(count, 3 * capacity)
    assert max(given_to.values(), default=0) <= capacity


def test_a_newcomer_who_loses_ties_is_not_put_off_again_and_again(build: Any) -> None:
    board = Board([("territory", RepId("ana"), 10), ("territory", RepId("bo"), 11)], [])
    reps = [build.rep("ana"), build.rep("bo"), build.rep("zoe")]
    router = Router(build.rules(), Roster.of(1, reps))

    assert take_turns(router, board, build.lead(), 5) == ["ana", "zoe", "ana", "bo", "zoe"]
