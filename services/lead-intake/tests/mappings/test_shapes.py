"""When the bodies of an account have changed their shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.shapes import (
    GONE_AFTER,
    LEARNT_FROM,
    PATHS_MAX,
    Drift,
    Learnt,
    TypeChange,
    noticed,
    shape_of,
)

USUAL = {"name": "示例", "phone": "13800138001", "tags": [{"id": 1}], "budget": 5}


def digest(path: str, text: str) -> bytes:
    return f"{path}={text}".encode()


def notice(learnt: Learnt, body: Any, *, is_accepted: bool = True) -> Drift:
    return noticed(learnt, shape_of(body, digest), is_accepted=is_accepted)


def learnt_from(*bodies: Any, times: int = LEARNT_FROM) -> Learnt:
    learnt = Learnt()
    for number in range(times):
        assert not notice(learnt, bodies[number % len(bodies)])
    return learnt


def test_a_shape_is_paths_and_types_with_lists_folded() -> None:
    shape = shape_of({"a": [{"b": 1}, {"b": "x", "c": None}], "d": True})

    assert {path: sorted(seen.types) for path, seen in shape.items()} == {
        "a": ["array"],
        "a[]": ["object"],
        "a[].b": ["number", "string"],
        "a[].c": ["null"],
        "d": ["boolean"],
    }


@pytest.mark.parametrize("key", ["13800138001", "a@example.com", "order-20260101"])
def test_fields_that_are_named_like_a_person_are_left_out(key: str) -> None:
    assert set(shape_of({"by": {key: {"x": 1}}})) == {"by"}


def test_a_shape_has_five_hundred_paths_at_most() -> None:
    assert len(shape_of({f"k{chr(97 + n % 26)}{'x' * (n // 26)}": n for n in range(900)})) == (
        PATHS_MAX
    )


def test_nothing_is_drift_while_the_usual_is_being_learnt() -> None:
    learnt = Learnt()
    for number in range(LEARNT_FROM):
        assert not notice(learnt, {f"key{chr(97 + number)}": 1})

    assert notice(learnt, {"never": 1}).added == ["never"]


def test_bodies_that_were_not_understood_teach_nothing_at_first() -> None:
    learnt = Learnt()
    for _ in range(100):
        notice(learnt, {"wrong": 1}, is_accepted=False)

    assert learnt == Learnt()


def test_a_new_path_is_told_once() -> None:
    learnt = learnt_from(USUAL)

    first = notice(learnt, {**USUAL, "hs_code": "8471"}, is_accepted=False)
    second = notice(learnt, {**USUAL, "hs_code": "8472"}, is_accepted=False)

    assert first.added == ["hs_code"]
    assert not second


def test_another_type_is_told_once_and_null_is_none() -> None:
    learnt = learnt_from(USUAL)

    assert not notice(learnt, {**USUAL, "budget": None})
    assert notice(learnt, {**USUAL, "budget": "5万"}).changed == [
        TypeChange("budget", ("number", "null"), "string")
    ]
    assert not notice(learnt, {**USUAL, "budget": "6万"})


def test_what_was_always_there_has_vanished_after_fifty_bodies_without() -> None:
    learnt = learnt_from(USUAL)
    without = {key: value for key, value in USUAL.items() if key != "phone"}

    told = [notice(learnt, without, is_accepted=False) for _ in range(GONE_AFTER + 10)]

    assert [drift.vanished for drift in told if drift] == [["phone"]]
    assert not any(told[: GONE_AFTER - 1])


def test_what_was_there_now_and_then_does_not_vanish() -> None:
    learnt = learnt_from(USUAL, {**USUAL, "remark": "x"}, times=60)

    assert not any(notice(learnt, USUAL) for _ in range(GONE_AFTER + 10))


def test_what_comes_back_is_told_as_new() -> None:
    learnt = learnt_from(USUAL)
    without = {key: value for key, value in USUAL.items() if key != "phone"}
    for _ in range(GONE_AFTER):
        notice(learnt, without)

    assert notice(learnt, USUAL).added == ["phone"]


def test_one_more_of_a_few_fixed_words_is_told_without_the_word() -> None:
    words = [{"kind": "form"}, {"kind": "chat"}, {"kind": "call"}]
    learnt = learnt_from(*words, times=90)

    assert notice(learnt, {"kind": "video"}).grown == ["kind"]
    assert not notice(learnt, {"kind": "video"})


def test_free_texts_have_no_words_that_could_be_new() -> None:
    learnt = learnt_from(*({"name": f"示例{n}"} for n in range(60)), times=60)

    assert not notice(learnt, {"name": "示例新"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(st.lists(JSON, max_size=30))
def test_any_body_is_noticed_and_the_same_body_is_no_drift(bodies: list[Any]) -> None:
    learnt = learnt_from(USUAL)
    for body in bodies:
        notice(learnt, body)

    if bodies:
        assert not notice(learnt, bodies[-1])
    assert len(learnt.paths) <= PATHS_MAX
