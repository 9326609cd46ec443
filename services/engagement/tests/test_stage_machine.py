"""The stages in force, and machines that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from engagement.domain.stages import Deal, Document, Standing, Unknown, is_looping
from engagement.policies.stages import load_machine
from servicekit.documents import InvalidPolicy

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
MACHINE = load_machine()
START = Standing(uuid4(), MACHINE.first, NOON)
SCAN = Document("requirement_scan", frozenset(), "a" * 64)
ACTIONS = frozenset({"upload_rivals", "finish_roi", "book_poc"})


def at(stage: str, **named: object) -> Standing:
    return replace(START, stage=stage, **named)  # type: ignore[arg-type]


def test_needs_are_confirmed_by_a_scan_or_by_minutes_with_the_cto() -> None:
    minutes = Document("meeting_minutes", frozenset({"cto", "finance"}), "b" * 64)
    others = Document("meeting_minutes", frozenset({"finance"}), "c" * 64)

    def missing(*documents: Document) -> list[str]:
        return MACHINE.missing(at("first_contact", documents=documents), "needs_confirmed")

    told = "document requirement_scan or document meeting_minutes with cto"
    assert missing() == missing(others) == [told]
    assert missing(SCAN) == missing(minutes) == []


def test_a_stage_is_left_when_its_three_actions_are_done() -> None:
    two = at("needs_confirmed", done=frozenset({"upload_rivals", "finish_roi"}))

    assert MACHINE.missing(two, "demonstrated") == ["action book_poc"]
    assert MACHINE.missing(replace(two, done=ACTIONS), "demonstrated") == []


def test_an_offer_is_locked_until_two_points_are_earned() -> None:
    one = at("demonstrated", done=frozenset({"feedback"}))
    two = at("demonstrated", done=frozenset({"feedback", "poster_shared"}))

    assert MACHINE.missing(one, "proposal") == ["2 points (1 earned)"]
    assert MACHINE.missing(two, "proposal") == []


def test_signing_by_hand_wants_the_approval_of_three_and_the_figures() -> None:
    known = at("negotiating")
    approval = Document("customer_approval", frozenset({"finance", "it", "business"}), "d" * 64)
    whole = replace(known, documents=(approval,), deal=Deal(100, "CNY", "HT-1"))

    missing = ["document customer_approval with business, finance, it", "amount", "contract_no"]
    assert MACHINE.missing(known, "signed") == missing
    assert MACHINE.missing(whole, "signed") == []


def test_back_is_always_free_and_what_does_not_follow_says_what_does() -> None:
    assert MACHINE.missing(at("negotiating"), "proposal") == []
    assert MACHINE.missing(at("first_contact"), "signed") == [
        "signed does not follow first_contact; needs_confirmed does"
    ]
    with pytest.raises(Unknown, match="stage: 'heaven' is none of first_contact"):
        MACHINE.missing(at("first_contact"), "heaven")


def test_the_fourth_return_within_three_months_is_a_loop_and_is_said_once() -> None:
    entries = [NOON + timedelta(days=day) for day in range(0, 60, 10)]

    told = [is_looping(MACHINE, entries[: n + 1], entries[n]) for n in range(len(entries))]

    assert told == [False, False, False, False, True, False]
    slow = [NOON + timedelta(days=40 * n) for n in range(6)]
    assert not any(is_looping(MACHINE, slow[: n + 1], slow[n]) for n in range(6))


def test_a_deposit_is_rounded_up() -> None:
    assert [MACHINE.deposit_minor(amount) for amount in (100, 101, 1)] == [20, 21, 1]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("to: [needs_confirmed]", "to: [need_confirmed]", "'need_confirmed' is no stage"),
        ("to: [signed, proposal]", "to: [proposal]", "no way leads to signed"),
        ("to: [paid]", "to: []", "no way leads to paid"),
        ("id: demonstrated", "id: proposal", "'proposal' is taken"),
        ("points: 2 #", "points: 4 #", "asks for 4 points; 3 can be earned"),
        ("percent: 80", "percent: 70", "add up to 90 percent"),
        ("overdue_days: 15", "overdue_day: 15", "overdue_day"),
        ("paid_stage: paid", "paid_stage: heaven", "'heaven' is no stage"),
    ],
    ids=[
        "typo", "unreachable", "dead end", "same id", "points", "plan", "unknown key", "no stage",
    ],
)  # fmt: skip
def test_a_machine_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    text = (resources.files("engagement.policies") / "stages.yaml").read_text("utf-8")
    assert old in text
    file = tmp_path / "stages.yaml"
    file.write_text(text.replace(old, new), "utf-8")

    with pytest.raises(InvalidPolicy, match=r"stages\.yaml:\d+: ") as refused:
        load_machine(file)

    assert told in str(refused.value)
