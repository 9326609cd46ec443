"""How a steward's wish becomes judgements, and which wishes cannot be granted."""

from datetime import UTC, datetime

import pytest
from identity.domain.judgements import (
    Contradicted,
    Judgement,
    OneRecordOnly,
    Verdict,
    check_consistent,
    pair_of,
)
from identity.domain.stewardship import (
    PAIRS_MAX,
    ForeignRecord,
    NothingToMerge,
    NothingToSplit,
    Plan,
    plan_firmly,
    plan_grouping,
    plan_merge,
    plan_split,
    without_said,
)

NOON = datetime(2026, 2, 7, 12, tzinfo=UTC)
MUST, NEVER = Verdict.MUST, Verdict.NEVER


def said(judgement_id: int, a: int, b: int, verdict: Verdict) -> Judgement:
    return Judgement(judgement_id, a, b, verdict, "steward-1", "seen", NOON)


def test_customers_are_merged_through_their_oldest_records() -> None:
    plan = plan_merge([{4, 5}, {1, 2}, {9}])

    assert plan.musts == {(1, 4), (1, 9)}


def test_a_customer_is_not_merged_with_itself() -> None:
    with pytest.raises(NothingToMerge):
        plan_merge([{1, 2}, {1, 2}])


def test_a_split_says_never_of_every_pair_across() -> None:
    plan = plan_split({1, 2, 3}, {3}, evidence=[(1, 2), (1, 3)], standing=[])

    assert plan == Plan(apart=frozenset({(1, 3), (2, 3)}), touched=frozenset({1, 2, 3}))


def test_a_split_of_many_says_never_where_evidence_crosses_and_once_besides() -> None:
    members = set(range(1, 101))
    leaving = set(range(51, 101))
    assert len(leaving) ** 2 > PAIRS_MAX

    plan = plan_split(members, leaving, evidence=[(1, 2), (7, 60)], standing=[])

    assert plan.apart == {(7, 60), (1, 51)}


def test_a_split_revokes_what_held_the_two_sides_together() -> None:
    held = [said(1, 1, 2, MUST), said(2, 1, 3, MUST), said(3, 2, 3, NEVER)]

    plan = plan_split({1, 2, 3}, {3}, evidence=[], standing=held)

    assert plan.revoked == {2}
    assert plan.apart == {(1, 3)}


def test_a_record_of_somebody_else_cannot_leave() -> None:
    with pytest.raises(ForeignRecord, match="not records of this customer: 7, 9"):
        plan_split({1, 2}, {2, 9, 7}, evidence=[], standing=[])


@pytest.mark.parametrize("leaving", [set(), {1, 2}], ids=["nobody", "everybody"])
def test_a_split_leaves_somebody_on_each_side(leaving: set[int]) -> None:
    with pytest.raises(NothingToSplit):
        plan_split({1, 2}, leaving, evidence=[], standing=[])


def test_going_back_says_no_more_than_is_needed() -> None:
    wanted = [frozenset({1, 2}), frozenset({3})]
    standing = [said(1, 2, 3, MUST), said(2, 1, 2, NEVER), said(3, 3, 8, NEVER)]

    plan = plan_grouping(wanted, evidence={(1, 2)}, standing=standing)

    assert plan == Plan(revoked=frozenset({1, 2}), touched=frozenset({1, 2, 3}))


def test_going_back_parts_what_evidence_joins_by_now_and_joins_what_it_does_not() -> None:
    wanted = [frozenset({1, 2, 5}), frozenset({3})]

    plan = plan_grouping(wanted, evidence={(1, 2), (2, 3)}, standing=[])

    assert plan.apart == {(2, 3)}
    assert plan.musts == {(1, 5)}


def test_a_firm_plan_needs_no_evidence() -> None:
    wanted = [frozenset({1, 2, 5}), frozenset({3}), frozenset({4})]

    plan = plan_firmly(wanted, [said(1, 1, 2, MUST), said(2, 1, 3, MUST)])

    assert plan.revoked == {2}
    assert plan.musts == {(1, 5)}
    assert plan.apart == {(1, 3), (1, 4), (3, 4)}


def test_what_stands_already_is_not_said_again() -> None:
    plan = Plan(musts=frozenset({(1, 2)}), apart=frozenset({(1, 3), (2, 3)}))

    rest = without_said(plan, [said(1, 1, 2, MUST), said(2, 1, 3, NEVER)])

    assert (rest.musts, rest.apart) == (set(), {(2, 3)})


def test_musts_may_not_lead_around_a_never() -> None:
    standing = [said(1, 1, 3, NEVER), said(2, 2, 3, MUST), said(3, 7, 8, MUST)]

    with pytest.raises(Contradicted, match="judgements: 1;"):
        check_consistent(standing, musts=[(1, 2)], apart=[])


def test_a_never_may_not_be_said_of_what_musts_hold_together() -> None:
    standing = [said(1, 1, 2, MUST), said(2, 2, 3, MUST), said(3, 7, 8, MUST)]

    with pytest.raises(Contradicted, match="judgements: 1, 2;"):
        check_consistent(standing, musts=[], apart=[(1, 3)])


def test_a_record_is_not_judged_against_itself() -> None:
    with pytest.raises(OneRecordOnly):
        pair_of(4, 4)
