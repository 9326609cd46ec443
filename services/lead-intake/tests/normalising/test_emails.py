"""E-mail addresses as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.normalising.emails import EmailAddress, read_email


@pytest.mark.parametrize(
    "typed",
    [
        "zhao.liu@example.com",
        "Zhao.Liu@Example.COM",
        " zhao.liu@example.com ",
        "<zhao.liu@example.com>",
        "mailto:zhao.liu@example.com",
        "ｚｈａｏ．ｌｉｕ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "zhao.liu@example。com",
        "zhao.liu@example.com.",
        "\u200bzhao.liu@example.com\ufeff",
    ],
)
def test_an_address_is_one_however_it_is_typed(typed: str) -> None:
    assert read_email(typed) == EmailAddress("zhao.liu@example.com")


def test_an_international_domain_is_written_in_idna() -> None:
    assert read_email("a@示例.中国").address == "a@xn--fsq092h.xn--fiqs8s"


@pytest.mark.parametrize(
    ("typed", "likely"),
    [("a@163.con", "163.com"), ("a@gmial.com", "gmail.com"), ("a@qq.cm", "qq.com")],
)
def test_a_mistyped_domain_is_flagged_and_never_corrected(typed: str, likely: str) -> None:
    read = read_email(typed)

    assert (read.address, read.likely_domain) == (typed, likely)
    assert read.is_mistyped


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "无",
        "a@b",
        "@example.com",
        "a@",
        "a b@example.com",
        "a@@example.com",
        "a@exa_mple.com",
        "a@-example.com",
        "a@example..com",
        "a..b@example.com",
        ".a@example.com",
        "a@example.c",
        "a@1.2.3.4",
        f"{'a' * 65}@example.com",
        f"a@{'b' * 64}.com",
        f"a@{'b.' * 130}com",
    ],
)
def test_a_text_that_is_no_address_gives_none(typed: str) -> None:
    assert read_email(typed) == EmailAddress()


@given(st.text(max_size=400) | st.text("aZ9.@-_ 例＠。", max_size=60))
def test_no_text_breaks_the_reading_and_an_address_stays_what_it_is(typed: str) -> None:
    read = read_email(typed)

    assert not read.address or read_email(read.address) == read


@given(st.emails())
def test_width_and_case_change_nothing(address: str) -> None:
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in address)

    assert read_email(wide) == read_email(address) == read_email(address.upper())
