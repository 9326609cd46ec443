"""Credit codes and resident numbers are right or wrong by their own checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matchkit.kinds.resident_id import RESIDENT_ID
from matchkit.kinds.uscc import USCC
from stdnum.cn import uscc


@pytest.mark.parametrize(
    "written",
    ["11010519491231002X", "11010519491231002x", " 110105 19491231 002X ", "110105491231002"],
)
def test_a_resident_number_has_one_form(written: str) -> None:
    assert RESIDENT_ID.normalise(written) == "11010519491231002X"


def test_a_region_that_did_not_exist_at_birth_is_no_mistake() -> None:
    born_before_shenzhen = "44030519500101001X"

    assert RESIDENT_ID.normalise(born_before_shenzhen) == born_before_shenzhen


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "110105194912310021",
        "110105194913310021",
        "11010518000101002X",
        "1101051949123100",
        "110105********002X",
        "A" * 18,
        "1" * 9_999,
        "\x00",
        "０",
    ],
)
def test_a_wrong_resident_number_has_no_value(wrong: str) -> None:
    assert RESIDENT_ID.normalise(wrong) is None


@pytest.mark.parametrize(
    "written",
    ["91440300708461136T", "91440300708461136t", "9144 0300 7084 6113 6T", "９1440300708461136T"],
)
def test_a_credit_code_has_one_form(written: str) -> None:
    assert USCC.normalise(written) == "91440300708461136T"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "91440300708461136U",
        "91440300708461137T",
        "91440300708461136",
        "无",
        "9" * 9_999,
        "\u202e",
        "IOZSV0300708461136T"[:18],
        "-",
        "None",
    ],
)
def test_a_wrong_credit_code_has_no_value(wrong: str) -> None:
    assert USCC.normalise(wrong) is None


@given(st.text(max_size=40))
def test_any_text_is_a_valid_number_or_none(written: str) -> None:
    for kind in (USCC, RESIDENT_ID):
        value = kind.normalise(written)
        assert value is None or len(value) == 18


@given(
    st.text("0123456789", min_size=8, max_size=8),
    st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=9, max_size=9),
    st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"),
)
def test_a_credit_code_is_right_when_the_library_says_so(region, body, check) -> None:
    codes = [f"{region}{body}{check}"]
    if not set(body) & set("IOSVZ"):
        codes.append(f"{region}{body}{uscc.calc_check_digit(region + body)}")

    assert [USCC.normalise(code) is not None for code in codes] == list(map(uscc.is_valid, codes))
    assert all(USCC.normalise(code.lower()) == USCC.normalise(code) for code in codes)
