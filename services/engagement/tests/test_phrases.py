"""Words in what was said, and rules that cannot be used."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import pytest
from engagement.domain.behaviours import Line
from engagement.domain.phrases import Near, Span, Text, comparable
from engagement.policies.behaviours import load_behaviour_policy
from hypothesis import given
from hypothesis import strategies as st
from servicekit.documents import InvalidPolicy

if TYPE_CHECKING:
    from pathlib import Path

POLICY = load_behaviour_policy()
LETTERS = st.text(alphabet="试用跑一下x", max_size=24)
NEAR = Near("试", 5, ("用", "跑", "跑一下"))


def found(text: str, *, is_customer: bool = True) -> set[str]:
    return {mark.tag or mark.rule_id for mark in POLICY.marks_in([Line(is_customer, text)])}


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("你们价格太高了", "price_sensitive"),
        ("我们还需要再比价一下", "comparing"),
        ("领导说下周决策", "deciding_soon"),
        ("那就先试试吧", "trial_intent"),
        ("给个测试账号呗", "trial_intent"),
        ("试着跑一下", "trial_intent"),
        ("能用的话就试", "trial_intent"),
    ],
)
def test_what_the_sources_name_is_found(said: str, tag: str) -> None:
    assert tag in found(said)


def test_our_own_words_say_nothing_of_the_customer_but_key_sentences_are_shown() -> None:
    assert found("可以先部署，今天签合同并付定金", is_customer=False) == {"red"}
    (first, second) = POLICY.marks_in([Line(is_customer=False, text="签合同，付定金")])
    assert (first.span, second.span) == (Span(0, 3), Span(4, 3))


def test_width_and_case_make_no_difference_and_places_are_those_of_the_original() -> None:
    text = Text("①ＡＰＰ很好")

    assert list(text.spans_of(comparable("app"))) == [Span(1, 3)]


def test_what_is_six_characters_away_is_not_near() -> None:
    assert "trial_intent" in found("试一二三四五用")
    assert "trial_intent" not in found("试一二三四五六用")


@given(LETTERS)
def test_near_is_what_every_pair_tried_out_says(said: str) -> None:
    pairs = [
        (at, other)
        for at in range(len(said))
        if said.startswith(NEAR.anchor, at)
        for word in NEAR.words
        for other in range(len(said))
        if said.startswith(word, other)
        and (0 <= other - at - 1 <= NEAR.within or 0 <= at - other - len(word) <= NEAR.within)
    ]

    spans = list(Text(said).spans_near(NEAR))

    assert len(spans) == len({at for at, _ in pairs})
    assert all(NEAR.anchor in said[span.start : span.start + span.length] for span in spans)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("tag: price_sensitive,", "tag: price_sensitiv,", "is none of the declared tags"),
        ("id: comparing,", "id: price,", "'price' is taken"),
        ("within: 5", "within: 0", "rules[5].near.within"),
        ("any: [太慢了", 'any: [" ", 太慢了', "rules[18].any[0]"),
        ("in_a_row: 3", "in_a_row: 1", "streaks[0].in_a_row"),
    ],
    ids=["unknown tag", "same id", "nothing near", "empty word", "no streak"],
)
def test_rules_that_cannot_be_used_are_refused_with_their_line(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    text = (resources.files("engagement.policies") / "behaviours.yaml").read_text("utf-8")
    file = tmp_path / "behaviours.yaml"
    file.write_text(text.replace(old, new), "utf-8")

    with pytest.raises(InvalidPolicy, match=r"behaviours\.yaml:\d+: ") as refused:
        load_behaviour_policy(file)

    assert told in str(refused.value)
