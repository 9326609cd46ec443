"""Unified social credit codes as people type them. The codes are made up and well formed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.normalising.credit_codes import CodeFault, read_credit_code
from stdnum.cn import uscc

SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
BODY = "91440300MA5EXAMP2"
CODE = BODY + uscc.calc_check_digit(BODY)
WIDE = "".join(chr(ord(sign) + 0xFEE0) for sign in CODE)


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.lower(),
        f" {CODE[:8]} {CODE[8:]} ",
        f"{CODE[:8]}-{CODE[8:]}",
        WIDE,
        f"税号：{CODE}",
        f"统一社会信用代码: {CODE}",
    ],
)
def test_a_code_is_one_however_it_is_typed(typed: str) -> None:
    read = read_credit_code(typed)

    assert (read.code, read.fault) == (CODE, CodeFault.NONE)


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("", CodeFault.EMPTY),
        ("  ", CodeFault.EMPTY),
        ("没有", CodeFault.NOT_A_CODE),
        (CODE[:-1], CodeFault.LENGTH),
        (CODE + "0", CodeFault.LENGTH),
        (CODE.replace("0", "O"), CodeFault.LOOKALIKE_LETTER),
        (CODE.replace("1", "I", 1), CodeFault.LOOKALIKE_LETTER),
        ("AA" * 9, CodeFault.FORMAT),
        (CODE[:-1] + ("0" if CODE[-1] != "0" else "1"), CodeFault.CHECKSUM),
    ],
)
def test_a_faulty_code_is_flagged_and_never_guessed(typed: str, fault: CodeFault) -> None:
    read = read_credit_code(typed)

    assert (read.code, read.fault) == ("", fault)


@given(st.text(max_size=200) | st.text("0123456789ABCDEFGHJKLMNPQRTUWXYIO- ", max_size=30))
def test_no_text_breaks_the_reading_and_a_code_stays_what_it_is(typed: str) -> None:
    read = read_credit_code(typed)

    assert bool(read.code) is (read.fault is CodeFault.NONE)
    if read.code:
        assert read_credit_code(read.code) == read


@given(st.integers(0, 16), st.sampled_from("0123456789"))
def test_one_wrong_digit_is_always_found(place: int, digit: str) -> None:
    typed = CODE[:place] + digit + CODE[place + 1 :]

    assert (read_credit_code(typed).fault is CodeFault.NONE) is (typed == CODE)


@given(st.text("0123456789", min_size=6, max_size=6), st.text(SIGNS, min_size=11, max_size=11))
def test_a_code_is_right_when_the_library_says_so(digits: str, signs: str) -> None:
    body, last = f"91{digits}{signs[:9]}", signs[9]

    read = read_credit_code(body + last)

    assert bool(read.code) is uscc.is_valid(body + last)
    assert read_credit_code(body + uscc.calc_check_digit(body)).fault is CodeFault.NONE
