"""Telephones in the ways they are typed; masked ones stay what they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matchkit.kinds.masked_phone import LEVELS as MASKED_LEVELS
from matchkit.kinds.masked_phone import MASKED_PHONE
from matchkit.kinds.phone import LEVELS, PHONE

MOBILES = st.integers(0, 10**8 - 1).map(lambda number: f"+86138{number:08d}")


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "+8613800138000",
        "+86 138-0013-8000",
        "008613800138000",
        "86-13800138000",
        "(138)00138000",
        "138 0013 8000",
        "１３８００１３８０００",
        "013800138000",
        "\u202a138\u200b00138000\u202c",
    ],
)
def test_a_mobile_has_one_form(written: str) -> None:
    assert PHONE.normalise(written) == "+8613800138000"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0755-12345678", "+8675512345678"),
        ("+86-755-12345678", "+8675512345678"),
        ("0755-12345678转801", "+8675512345678;ext=801"),
        ("0755-12345678-801", "+8675512345678;ext=801"),
        ("021 12345678 ext. 12", "+862112345678;ext=12"),
        ("+8675512345678;ext=801", "+8675512345678;ext=801"),
        ("010-12345678", "+861012345678"),
        ("400-123-4567", "+864001234567"),
        ("+1 415 555 2671", "+14155552671"),
    ],
)
def test_other_numbers_have_one_form_too(written: str, expected: str) -> None:
    assert PHONE.normalise(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "12345",
        "138****8000",
        "138xxxx8000",
        "138001380001",
        "1380013800",
        "无",
        "+",
        "1" * 10_000,
        "\x00",
        "电话",
        "12800138000",
    ],
)
def test_what_is_no_number_has_no_value(written: str) -> None:
    assert PHONE.normalise(written) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("13800138000", "+8613800138000", "exact"),
        ("13800138000", "13800138001", "one_slip"),
        ("13800138010", "13800138001", "one_slip"),
        ("13800138000", "13800138888", "same_prefix"),
        ("13800138000", "15912345678", "differs"),
        ("13800138000", "0755-12345678", "incomparable"),
        ("0755-12345678", "075512345678", "switchboard"),
        ("0755-12345678转801", "075512345678", "switchboard"),
        ("0755-12345678转801", "0755-12345678-801", "exact"),
        ("0755-12345678转801", "0755-12345678转802", "other_extension"),
        ("0755-12345678", "0755-12345679", "differs"),
        ("+14155552671", "+1 415 555 2671", "exact"),
    ],
)
def test_two_numbers_agree_so_far(one: str, other: str, expected: str) -> None:
    a, b = PHONE.normalise(one), PHONE.normalise(other)

    assert LEVELS[PHONE.compare(a, b)] == expected
    assert PHONE.compare(a, b) == PHONE.compare(b, a)


@given(MOBILES, st.integers(4, 13), st.integers(1, 9))
def test_mobiles_that_differ_by_one_digit_share_a_key(number: str, place: int, change: int) -> None:
    wrong = (int(number[place]) + change) % 10
    other = f"{number[:place]}{wrong}{number[place + 1 :]}"
    deletions = PHONE.parts["deletions"]

    if PHONE.normalise(other) is not None:
        assert set(deletions(number)) & set(deletions(other))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("138****8000", "13800138000", "fits_full"),
        ("138xxxx8000", "+8613800138000", "fits_full"),
        ("138****8001", "13800138000", "differs"),
        ("139****8000", "13800138000", "differs"),
        ("138****8000", "138****8000", "fits_masked"),
        ("138****8000", "1380****000", "fits_masked"),
        ("138****8000", "138****8001", "differs"),
        ("13800138000", "13800138000", "incomparable"),
        ("13800138000", "15912345678", "incomparable"),
    ],
)
def test_a_masked_number_fits_or_contradicts(one: str, other: str, expected: str) -> None:
    a, b = MASKED_PHONE.normalise(one), MASKED_PHONE.normalise(other)

    assert a is not None
    assert b is not None
    assert MASKED_LEVELS[MASKED_PHONE.compare(a, b)] == expected
    assert MASKED_PHONE.compare(a, b) == MASKED_PHONE.compare(b, a)


@pytest.mark.parametrize(
    "written",
    ["", "****", "1****", "***********", "0755****5678", "138***", "x" * 9_999, "13*", "138", "无"],
)
def test_too_little_of_a_number_is_nothing(written: str) -> None:
    assert MASKED_PHONE.normalise(written) is None


def test_a_masked_number_is_never_a_key() -> None:
    value = MASKED_PHONE.normalise("138****8000")

    assert all(not list(cut(value)) for cut in MASKED_PHONE.parts.values())
