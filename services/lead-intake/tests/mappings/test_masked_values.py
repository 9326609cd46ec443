"""What may be shown of a body, and where the missing may be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.leads import QuarantineReason
from lead_intake.domain.masked_values import masked_document, masked_text
from lead_intake.domain.quarantine import Crowd, suggestions


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("13800138001", "138****8001"),
        ("+86 138-0013-8001", "138****8001"),
        ("zhang@example.com", "z***@***"),
        ("赵六", "赵**"),
        ("x", "**"),
        ("", ""),
        ("示例精密制造有限公司", "示**"),
    ],
)
def test_a_text_is_recognised_and_not_read(text: str, shown: str) -> None:
    assert masked_text(text) == shown


def test_a_body_keeps_its_structure() -> None:
    body = {"a": [{"phone": 13800138001, "ok": True}], "n": None, "13800138001": 1}

    assert masked_document(body) == {
        "a": [{"phone": "138****8001", "ok": True}],
        "n": None,
        "138****8001": "**",
    }


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=2, max_size=80))
def test_no_text_of_two_characters_or_more_is_shown_whole(text: str) -> None:
    assert text != masked_text(text) or set(text[1:]) <= {"*", "@"}


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_any_body_can_be_shown(body: Any) -> None:
    json.dumps(masked_document(body))


def test_a_missing_path_is_looked_for_under_other_names() -> None:
    body = {"data": {"Contact-Phone": "x", "unrelated": 1}, "feilds": {}}

    by_alias = suggestions(
        QuarantineReason.UNMAPPED_FIELD_REQUIRED, "data.mobile || data.tel", body
    )
    by_likeness = suggestions(QuarantineReason.UNMAPPED_FIELD_REQUIRED, "fields", body)

    assert [(each.path, each.evidence) for each in by_alias] == [("data.Contact-Phone", "alias")]
    assert [(each.path, each.evidence) for each in by_likeness] == [("feilds", "similar")]


def test_a_contact_is_looked_for_by_value_first() -> None:
    body = {"x": {"customer": "13800138001"}, "weixin": "abc", "mail": "a@example.com"}

    found = suggestions(QuarantineReason.NO_CONTACT_POINT, "contact", body)

    assert [(each.name, each.path, each.evidence) for each in found] == [
        ("phones", "x.customer", "value"),
        ("email", "mail", "value"),
        ("email", "mail", "alias"),
        ("wechat", "weixin", "alias"),
    ]


def test_nothing_is_suggested_where_nothing_is_missing() -> None:
    assert suggestions(QuarantineReason.UNKNOWN_EVENT, "event", {"mobile": "x"}) == []


@pytest.mark.parametrize(
    ("crowd", "is_high", "is_low"),
    [
        (Crowd(9, 9), False, False),
        (Crowd(10, 50), True, False),
        (Crowd(10, 51), False, False),
        (Crowd(10, 101), False, True),
        (Crowd(4, 4), False, True),
    ],
    ids=str,
)
def test_an_alarm_has_a_threshold_and_another_to_end(
    crowd: Crowd, *, is_high: bool, is_low: bool
) -> None:
    assert (crowd.is_high, crowd.is_low) == (is_high, is_low)
