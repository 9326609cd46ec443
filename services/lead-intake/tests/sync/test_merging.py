"""Merging is the same in any order, and what gives way is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.media import MediaNote, problems
from lead_intake.domain.sync import Change, Record, RecordKey, fault, merged

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
KEY = RecordKey("visit", "visit-1")


def a_change(number: int, fields: dict[str, Any] | None, *, at_s: int, base: int = 0) -> Change:
    return Change(
        UUID(int=number), f"device-{number % 3}", KEY, fields or {},
        NOON + timedelta(seconds=at_s), base, is_deleted=fields is None,
    )  # fmt: skip


fields = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), min_size=1)
histories = st.lists(
    st.tuples(st.one_of(st.none(), fields), st.integers(0, 4)), min_size=1, max_size=8
).map(lambda made: [a_change(n, said, at_s=at_s) for n, (said, at_s) in enumerate(made, start=1)])


def values(record: Record) -> dict[str, tuple[Any, Any]]:
    return {name: (written.value, written.stamp) for name, written in record.fields.items()}


def after(changes: list[Change]) -> Record:
    return reduce(lambda record, change: merged(record, change).record, changes, Record())


@given(histories.flatmap(lambda made: st.tuples(st.just(made), st.permutations(made))))
def test_the_same_changes_in_any_order_leave_the_same_record(
    both: tuple[list[Change], list[Change]],
) -> None:
    straight, shuffled = map(after, both)

    assert values(straight) == values(shuffled)
    assert straight.is_deleted == shuffled.is_deleted


@given(histories)
def test_a_change_that_is_merged_again_changes_no_value(changes: list[Change]) -> None:
    once = after(changes)

    assert values(merged(once, changes[0]).record) == values(once)


def test_of_each_field_the_last_modified_value_wins_and_the_other_is_told() -> None:
    seen = after([a_change(1, {"note": "a", "mood": "fine"}, at_s=0)])
    newer = merged(seen, a_change(2, {"note": "b"}, at_s=20, base=1)).record

    record, conflicts = merged(newer, a_change(3, {"note": "c", "mood": "cold"}, at_s=10, base=1))

    assert {name: each.value for name, each in record.fields.items()} == {
        "note": "b", "mood": "cold",
    }  # fmt: skip
    (conflict,) = conflicts
    assert (conflict.field, conflict.winner.value, conflict.loser.value) == ("note", "b", "c")


def test_what_a_device_had_seen_is_no_conflict() -> None:
    seen = after([a_change(1, {"note": "a"}, at_s=0)])

    assert merged(seen, a_change(2, {"note": "b"}, at_s=1, base=1)).conflicts == ()


def test_the_same_value_from_two_places_is_no_conflict() -> None:
    seen = after([a_change(1, {"note": "a"}, at_s=0)])

    assert merged(seen, a_change(2, {"note": "a"}, at_s=1, base=0)).conflicts == ()


def test_a_later_change_brings_a_deleted_record_back_with_its_own_fields() -> None:
    deleted = after([a_change(1, {"a": 1, "b": 2}, at_s=0), a_change(2, None, at_s=1, base=1)])

    record = merged(deleted, a_change(3, {"b": 3}, at_s=2, base=2)).record

    assert (deleted.is_deleted, record.is_deleted) == (True, False)
    assert {name: each.value for name, each in record.fields.items()} == {"b": 3}


def test_an_earlier_change_gives_way_to_a_deletion_and_says_so() -> None:
    deleted = after([a_change(1, {"a": 1}, at_s=0), a_change(2, None, at_s=10, base=1)])

    record, (conflict,) = merged(deleted, a_change(3, {"a": 2}, at_s=5, base=1))

    assert record.is_deleted
    assert (conflict.field, conflict.loser.value) == ("", 2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (a_change(1, {"a": 1}, at_s=0), ""),
        (a_change(1, {"a": 1}, at_s=300), ""),
        (a_change(1, {"a": 1}, at_s=301), "clock_ahead"),
        (a_change(1, {}, at_s=0), "no_fields"),
        (a_change(1, {str(n): n for n in range(201)}, at_s=0), "too_many_fields"),
    ],
    ids=["fine", "five minutes ahead", "further ahead", "nothing", "too much"],
)
def test_a_change_that_cannot_be_is_refused_with_a_code(change: Change, code: str) -> None:
    said = (
        change
        if change.fields
        else Change(
            change.change_id, change.client_id, KEY, {}, change.modified_at, 0, is_deleted=False
        )
    )

    assert fault(said, now=NOON) == code


GOOD = MediaNote("image/jpeg", 300 * 1024, NOON, 22.54, 114.06, 50.0)


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({}, None),
        ({"size_bytes": 300 * 1024 + 1}, "photo_too_large"),
        ({"size_bytes": 0}, "photo_empty"),
        ({"content_type": "image/heic"}, "photo_type_unknown"),
        ({"accuracy_m": 50.1}, "place_inaccurate"),
        ({"accuracy_m": 0.0}, "place_inaccurate"),
        ({"accuracy_m": float("nan")}, "place_inaccurate"),
        ({"latitude_deg": 91.0}, "place_impossible"),
        ({"latitude_deg": 0.0, "longitude_deg": 0.0}, "place_impossible"),
        ({"longitude_deg": float("inf")}, "place_impossible"),
        ({"taken_at": None}, "time_missing"),
        ({"taken_at": NOON + timedelta(minutes=6)}, "clock_ahead"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_photo_and_its_place_are_checked(named: dict[str, Any], code: str | None) -> None:
    parts = {name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}

    assert problems(MediaNote(**{**parts, **named}), now=NOON) == ([code] if code else [])
