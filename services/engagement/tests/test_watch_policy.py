"""Split orders among any contracts, and rules of tasks and watches that cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from engagement.domain.tasks import led_by
from engagement.domain.watches import Signed, splits_in
from engagement.policies import PolicyFiles, load_policies
from hypothesis import given
from hypothesis import strategies as st
from servicekit.documents import InvalidPolicy

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
RULE = load_policies().watches.split
HOURS = st.integers(min_value=0, max_value=24 * 30)
AMOUNTS = st.integers(min_value=1, max_value=40_000_000)


def contracts(told: list[tuple[int, int]]) -> list[Signed]:
    """Contracts of deals of their own, by hours and amounts."""
    return [
        Signed(UUID(int=number), UUID(int=1000 + number), NOON + timedelta(hours=hour), amount)
        for number, (hour, amount) in enumerate(told)
    ]


@given(st.lists(st.tuples(HOURS, AMOUNTS), max_size=12))
def test_an_order_was_split_exactly_when_some_week_has_enough_contracts_and_money(
    told: list[tuple[int, int]],
) -> None:
    signed = contracts(told)

    found = splits_in(RULE, signed)

    weeks = [
        [
            each
            for each in signed
            if first.signed_at <= each.signed_at <= first.signed_at + RULE.within
        ]
        for first in signed
    ]
    expected = any(
        len(week) >= RULE.contracts_min
        and sum(each.amount_minor or 0 for each in week) > RULE.amount_over_minor
        for week in weeks
    )
    assert bool(found) == expected
    named = [each.contract_id for split in found for each in split.contracts]
    assert len(named) == len(set(named))
    assert splits_in(RULE, signed[::-1]) == found


def test_a_ring_of_managers_ends() -> None:
    managers = {"ana": "ben", "ben": "cat", "cat": "ana"}.get

    led = led_by("dan", ["ana", "ben", "eve"], lambda person_id: managers(person_id, ""))

    assert led == []


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("watches", "task: order_check", "task: order_chek", "split_orders.task: 'order_chek' is"),
        ("watches", "response: sent_quote", "response: prayed", "unanswered_quotes.response"),
        ("watches", "in_a_row: 2", "in_a_row: 1", "in_a_row"),
        ("watches", "[complaint, 投诉]", "[complaint, 紧急售后]", "'紧急售后' is taken"),
        ("watches", "after_days: 3", "after_day: 3", "after_day"),
        ("tasks", "forced_review:", "forced_revue:", "forced_review"),
        ("tasks", "answers: [cause, remedy]", "answers: []", "answers"),
        ("tasks", "to: manager", "to: anybody", "anybody"),
        ("tasks", "due_h: 48", "due_h: 0", "due_h"),
    ],
    ids=[
        "unknown task",
        "unknown response",
        "one in a row",
        "a word twice",
        "typo",
        "no review",
        "no answers",
        "to nobody",
        "due at once",
    ],
)
def test_rules_that_cannot_be_used_are_refused_with_their_line(
    tmp_path: Path, name: str, old: str, new: str, told: str
) -> None:
    text = (resources.files("engagement.policies") / f"{name}.yaml").read_text("utf-8")
    assert old in text
    file = tmp_path / f"{name}.yaml"
    file.write_text(text.replace(old, new), "utf-8")

    with pytest.raises(InvalidPolicy, match=rf"{name}\.yaml:\d+: ") as refused:
        load_policies(PolicyFiles(**{name: file}))

    assert told in str(refused.value)
