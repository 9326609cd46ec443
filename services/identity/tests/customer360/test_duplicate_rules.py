"""The rules of duplicate checks and of facts told twice, without any server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.domain.duplicates import (
    MATCHES_MAX,
    Candidate,
    Likeness,
    NothingToLookFor,
    Outcome,
    TooManyChecks,
    View,
    WallPolicy,
    admitted,
    best_of,
    probe,
    told,
)
from identity.domain.facts import Fact, FactKind, settled
from identity.policies.contactability import load_contact_policy

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
POLICY = load_contact_policy()[1]
WEAK = Likeness(
    customer_id=1,
    posterior=0.1,
    is_accepted=False,
    is_review=False,
    is_vetoed=False,
    has_identifier=False,
    agreeing=(),
)
TOLD = Fact(
    fact_id=UUID(int=1),
    kind=FactKind.INTERACTION,
    system="scrm",
    status="call",
    happened_at=NOW,
    stated_at=NOW,
    tokens=frozenset({1}),
)


@pytest.mark.parametrize(
    ("likeness", "outcome"),
    [
        (WEAK, Outcome.NONE),
        (replace(WEAK, is_review=True), Outcome.MAY_EXIST),
        (replace(WEAK, is_accepted=True), Outcome.EXISTS),
        (replace(WEAK, has_identifier=True), Outcome.EXISTS),
        (replace(WEAK, has_identifier=True, is_vetoed=True), Outcome.MAY_EXIST),
        (replace(WEAK, is_review=True, is_vetoed=True), Outcome.NONE),
    ],
    ids=["nothing", "weak", "strong", "identifier", "contradicted", "weak and contradicted"],
)
def test_evidence_is_told_as_strong_as_it_is(likeness: Likeness, outcome: Outcome) -> None:
    assert likeness.outcome is outcome


def test_each_customer_is_told_once_by_their_best_record_and_five_at_most() -> None:
    found = [
        replace(WEAK, customer_id=number % 7, posterior=number / 100, is_review=True)
        for number in range(30)
    ]
    sure = replace(WEAK, customer_id=6, posterior=0.01, has_identifier=True)

    best = best_of([*found, sure, WEAK])

    assert len(best) == MATCHES_MAX
    assert [likeness.customer_id for likeness in best] == [6, 1, 0, 5, 4]
    assert best[0] is sure


def test_a_policy_may_hide_even_the_owner() -> None:
    silent = WallPolicy(
        shows_team=False, shows_owner=False, checks_per_minute=1, request_within=timedelta(hours=1)
    )
    candidate = Candidate(1, "a" * 64, "CID-20260207-000001", (), Outcome.EXISTS, ("phone",))
    view = View(is_visible=False, owner_id="ana", manager_id="mia")

    hidden, shown = told(silent, candidate, view), told(POLICY, candidate, view)

    assert (hidden.team, hidden.owner_id, hidden.is_walled) == ("", "", True)
    assert (shown.team, shown.owner_id) == ("mia", "ana")


def test_checks_are_counted_down_to_none() -> None:
    assert admitted(POLICY, 0) == POLICY.checks_per_minute - 1
    with pytest.raises(TooManyChecks):
        admitted(POLICY, POLICY.checks_per_minute)


def test_a_probe_leaves_blanks_and_strange_names_out() -> None:
    assert probe({"phone": " 1 ", "email": " ", "hobby": "chess"}) == {"phone": "1"}
    with pytest.raises(NothingToLookFor):
        probe({"name": "张伟", "email": "  "})


tellings = st.lists(
    st.builds(
        lambda fact, rank, minutes, token: replace(
            TOLD,
            fact_id=UUID(int=fact),
            rank=rank,
            stated_at=NOW + timedelta(minutes=minutes),
            word=f"{fact}/{rank}/{minutes}",
            tokens=frozenset({token}),
        ),
        st.integers(1, 3),
        st.integers(0, 2),
        st.integers(0, 5),
        st.integers(1, 4),
    ),
    max_size=12,
)


@given(tellings, st.randoms(use_true_random=False))
def test_facts_told_in_any_order_are_settled_alike(facts: list[Fact], chance: object) -> None:
    shuffled = list(facts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    in_order, out_of_order = settled(facts), settled(shuffled)

    assert in_order == out_of_order
    assert len({fact.fact_id for fact in in_order}) == len(in_order)
