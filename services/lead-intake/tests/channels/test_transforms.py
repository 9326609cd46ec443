"""What transforms make of the values that vendors really send, and of any other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.channels.channel_files import load_channels, load_templates
from lead_intake.channels.decoding import decoded
from lead_intake.channels.transforms import TRANSFORMS
from lead_intake.channels.unread_keys import unread_keys

CHANNELS = load_channels()
FILES = {**CHANNELS, **load_templates()}
HALF_PAST_ONE = datetime(2026, 1, 25, 5, 30, tzinfo=UTC)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "value", "id", "fields", "姓名", "x"]), inner)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "written",
    ["2026-01-25 13:30:00", "2026/01/25 13:30", "2026-01-25T05:30:00Z", "2026-01-25T13:30:00+0800",
     "20260125133000", "1769319000", "1769319000000", 1769319000, 1769319000000, 1769319000.0],
)  # fmt: skip
def test_a_time_is_read_in_every_form(written: Any) -> None:
    assert TRANSFORMS["moment"](written) == HALF_PAST_ONE


@pytest.mark.parametrize("written", ["1712051400000", "1712051400", 1712051400])
def test_an_epoch_whose_digits_look_like_a_date_is_an_epoch(written: Any) -> None:
    assert TRANSFORMS["moment"](written) == datetime(2024, 4, 2, 9, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["", "soon", "0", 0, -1, "99999999999999999", 1e300, True, "１７"]
)
def test_what_is_no_time_of_this_century_is_none(written: Any) -> None:
    assert TRANSFORMS["moment"](written) is None


@pytest.mark.parametrize(
    ("written", "fen"),
    [("10000.50", 1000050), ("0.1", 10), ("7", 700), (7, 700), ("1.005", None), ("-1", None),
     ("NaN", None), ("1e400", None), ("", None)],
)  # fmt: skip
def test_yuan_become_fen_exactly_or_not_at_all(written: Any, fen: int | None) -> None:
    assert TRANSFORMS["yuan"](written) == fen


@pytest.mark.parametrize(
    ("written", "number"),
    [("95", 95), (95, 95), ("-1", None), ("9" * 11, None), (True, None), ("1.5", None)],
)
def test_whole_numbers_are_read_within_bounds(written: Any, number: int | None) -> None:
    assert TRANSFORMS["integer"](written) == number


def test_first_actions_and_stages_are_known_by_their_chinese_names() -> None:
    actions = [
        TRANSFORMS["first_action"](w) for w in ("下载白皮书", "预约演示", "填写报价单", "加微信")
    ]
    stages = [
        TRANSFORMS["stage"](w)
        for w in ("初步接触", "需求确认", "方案演示", "价格谈判", "已签约", "won", "signed")
    ]

    assert actions == ["whitepaper", "book_demo", "quote", "add_wechat"]
    assert stages == [
        "first_contact", "needs_confirmed", "demonstrated", "negotiating", "signed", "", "signed",
    ]  # fmt: skip


def test_numbers_in_a_message_are_found_and_others_are_not() -> None:
    found = TRANSFORMS["phones_in_text"](
        "单号20260125133000138001，金额1380013.80元，手机138 0013 8005或138****8006，电话0755-2612 3456转8001"
    )

    assert found == "138 0013 8005/138****8006/0755-2612 3456转8001"


def test_click_ids_are_taken_from_a_query_or_an_object() -> None:
    of_page = TRANSFORMS["click_ids"]("https://a.example/?gclid=A%2B1&x=2&bd_vid=v#y")
    of_object = TRANSFORMS["click_ids"]({"cb": "https://b.example/?si=1", "none": None})

    assert of_page == {"gclid": "A+1", "bd_vid": "v"}
    assert of_object == {"cb": "https://b.example/?si=1"}


def test_answers_leave_out_who_somebody_is() -> None:
    asked = {
        "姓名": "赵六",
        "Mobile": "13800138001",
        "需求": ["3台", "含安装"],
        "Trial": True,
        "hs": None,
    }

    assert TRANSFORMS["answers"](asked) == {"需求": "3台、含安装", "Trial": "是"}


def test_answers_are_bounded() -> None:
    found = TRANSFORMS["answers"]({f"q{number}": "a" * 10_000 for number in range(1000)})

    assert len(found) == 40
    assert {len(each) for each in found.values()} == {500}


def test_json_in_a_string_is_not_climbed() -> None:
    assert TRANSFORMS["json_object"]('{"a":' * 1000) == {}
    assert TRANSFORMS["json_object"]("[1]") == {}
    assert TRANSFORMS["json_object"]('{"a":1}') == {"a": 1}


@given(st.sampled_from(sorted(TRANSFORMS)), VALUES)
def test_no_transform_raises(name: str, value: Any) -> None:
    TRANSFORMS[name](value)


@given(st.sampled_from(sorted(FILES)), VALUES)
def test_unread_keys_are_told_of_any_document(name: str, document: Any) -> None:
    assert all(isinstance(each, str) for each in unread_keys(FILES[name].reading, document))


def test_a_form_in_gb18030_is_read() -> None:
    body = b"subject=%CA%BE%C0%FD&charset=gbk"

    assert decoded("form", body)["subject"] == "示例"
