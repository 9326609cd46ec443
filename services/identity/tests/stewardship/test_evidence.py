"""The evidence inside a customer: ways, trees, bridges; and what is shown of values."""

from datetime import UTC, datetime, timedelta

import pytest
from identity.domain.evidence import (
    Edge,
    EvidenceKind,
    merge_tree,
    strongest_path,
    weak_bridges,
)
from identity.domain.masks import masked, masked_fields

NOON = datetime(2026, 2, 7, 12, tzinfo=UTC)


def edge(
    a: int,
    b: int,
    bits: float = 10.0,
    *,
    kind: EvidenceKind = EvidenceKind.SCORED,
    minute: int = 0,
    posterior: float = 0.99,
) -> Edge:
    return Edge(a, b, kind, bits, posterior, NOON + timedelta(minutes=minute))


def test_the_way_goes_where_its_weakest_step_is_strongest() -> None:
    edges = [edge(1, 4, 3), edge(1, 2, 9), edge(2, 3, 8), edge(3, 4, 7)]

    way = strongest_path(edges, 1, 4)

    assert [(each.a, each.b) for each in way] == [(1, 2), (2, 3), (3, 4)]


def test_the_way_begins_where_it_is_asked_from() -> None:
    way = strongest_path([edge(1, 2), edge(2, 3)], 3, 1)

    assert [(each.a, each.b) for each in way] == [(2, 3), (1, 2)]


def test_a_persons_word_is_stronger_than_any_score() -> None:
    way = strongest_path(
        [edge(1, 2, 40), edge(2, 3, 40), edge(1, 3, 0, kind=EvidenceKind.JUDGED)], 1, 3
    )

    assert [each.kind for each in way] == [EvidenceKind.JUDGED]


def test_there_may_be_no_way() -> None:
    assert strongest_path([edge(1, 2)], 1, 3) == []


def test_the_tree_follows_time_and_leaves_out_what_joined_nothing() -> None:
    edges = [
        edge(1, 3, minute=2),
        edge(1, 2, minute=0),
        edge(3, 4, minute=1),
        edge(2, 4, minute=3),
    ]

    steps = merge_tree(edges)

    assert [(step.edge.a, step.edge.b) for step in steps] == [(1, 2), (3, 4), (1, 3)]
    assert (steps[2].left_step, steps[2].right_step) == (1, 2)
    assert (steps[2].left_count, steps[2].right_count) == (2, 2)


def test_a_bridge_barely_accepted_between_two_large_parts_is_weak() -> None:
    sides = [edge(1, 2), edge(2, 3), edge(4, 5), edge(5, 6)]
    barely = edge(3, 4, 2.6, posterior=0.86)

    [bridge] = weak_bridges({1, 2, 3, 4, 5, 6}, [*sides, barely])

    assert (bridge.edge, bridge.smaller_count, bridge.larger_count) == (barely, 3, 3)


@pytest.mark.parametrize(
    "edges",
    [
        [edge(3, 4, 9.0, posterior=0.99)],
        [edge(3, 4, 2.6, posterior=0.86), edge(1, 6, 2.6, posterior=0.86)],
        [edge(3, 4, 0, kind=EvidenceKind.JUDGED, posterior=0.5)],
    ],
    ids=["firm", "not alone", "judged"],
)
def test_other_bridges_are_not_weak(edges: list[Edge]) -> None:
    sides = [edge(1, 2), edge(2, 3), edge(4, 5), edge(5, 6)]

    assert weak_bridges({1, 2, 3, 4, 5, 6}, [*sides, *edges]) == []


def test_a_bridge_to_few_records_is_not_weak() -> None:
    edges = [edge(1, 2), edge(2, 3), edge(4, 5), edge(3, 4, 2.6, posterior=0.86)]

    assert weak_bridges({1, 2, 3, 4, 5}, edges) == []


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("phone", "+8613800138001", "138****8001"),
        ("phone", "+8675512345678,+8613800138002", "**78, 138****8002"),
        ("masked_phone", "138****8001", "138****8001"),
        ("name", "张示例", "张**"),
        ("name", "张", "**"),
        ("email", "zhang@example.com", "z***@***"),
        ("uscc", "91440300MA5TEST012", "**12"),
        ("passport", "E1", "**"),
        ("city", "深圳", "深圳"),
    ],
)
def test_a_value_is_told_apart_but_not_told(field: str, value: str, shown: str) -> None:
    assert masked(field, value) == shown


def test_attributes_of_business_are_not_shown_at_all() -> None:
    assert masked_fields({"credit_limit": "100000", "name": "张示例", "email": ""}) == {
        "name": "张**"
    }
