"""One company under its legal name, its brand, its abbreviation; and its branches and namesakes apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matchkit.kinds.company import COMPANY, DIFFERS, LEVELS

TENCENT = "深圳市腾讯计算机系统有限公司"


def level(one: str, other: str) -> str:
    a, b = COMPANY.normalise(one), COMPANY.normalise(other)
    assert a is not None
    assert b is not None
    assert COMPANY.compare(a, b) == COMPANY.compare(b, a)
    return LEVELS[COMPANY.compare(a, b)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("深圳市腾讯计算机系统有限公司", "exact"),
        ("腾讯计算机系统", "exact"),
        ("騰訊計算機系統有限責任公司", "exact"),
        ("广东省深圳市南山区腾讯计算机系统有限公司", "exact"),
        ("腾讯计算机系统（深圳）有限公司", "exact"),
        ("　腾讯计算机系统 股份有限公司", "exact"),
        ("腾讯", "same_brand"),
        ("腾讯集团", "same_brand"),
        ("tengxun", "same_brand"),
        ("深圳市腾讯计算机系统有限公司北京分公司", "other_branch"),
        ("腾讯北京分公司", "other_branch"),
        ("腾迅计算机系统", "one_slip"),
        ("腾讯科技（深圳）有限公司", "other_trade"),
        ("北京腾讯科技有限公司", "other_place"),
        ("阿里巴巴", "differs"),
        ("深圳市华信科技有限公司", "differs"),
    ],
)
def test_what_is_written_agrees_with_the_company_so_far(written: str, expected: str) -> None:
    assert level(TENCENT, written) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("中国石油化工股份有限公司", "中石化", "abbreviation"),
        ("天宇服饰", "Tianyu Co., Ltd.", "same_brand"),
        ("宏原原机械", "Hongyuanyuan Machinery Limited", "same_brand"),
        ("Acme Trading Co., Ltd.", "ACME Trading", "exact"),
        ("Acme Trading Co., Ltd.", "Acme", "same_brand"),
        ("Acme (Shenzhen) Ltd", "Acme (Shanghai) Ltd", "other_place"),
        ("源华西家具有限公司", "源华龙", "one_slip"),
        ("华为技术有限公司", "华为技术有限公司", "exact"),
        ("吉林大学", "吉林大学", "exact"),
        ("联科", "联科", "same_brand"),
        ("深圳联科", "联科(深圳)有限公司", "exact"),
        ("北京市北海电子商务有限公司", "北海电子商务", "exact"),
        ("青岛市南宁迪供应链管理有限公司", "南宁迪供应链管理", "same_brand"),
        ("厦门市天水企业管理咨询有限公司", "天水", "same_brand"),
        ("福建省南京市恒锐信息技术有限公司厦门分公司", "恒锐信息技术厦门分公司", "exact"),
        ("广东省深圳市通信工程有限公司", "深圳市通信工程有限公司", "exact"),
    ],
)
def test_two_companies_agree_so_far(one: str, other: str, expected: str) -> None:
    assert level(one, other) == expected


@pytest.mark.parametrize(
    "nothing",
    [
        "",
        " ",
        "无",
        "公司",
        "有限公司",
        "12345",
        "n/a",
        "。。。",
        "\u202e\x00",
        "个人",
        "A",
        "（）",
    ],
)
def test_a_text_that_names_no_company_has_no_value(nothing: str) -> None:
    assert COMPANY.normalise(nothing) is None


def test_an_absurdly_long_company_is_read_in_bounded_time() -> None:
    assert COMPANY.normalise("华信" * 50_000) is not None
    assert COMPANY.normalise("（" * 100_000) is None


@given(
    st.text(alphabet="深圳市北京腾讯科技有限公司分集团（）() Acme", max_size=20),
    st.text(alphabet="深圳市北京腾讯科技有限公司分集团（）() Acme", max_size=20),
)
def test_any_two_companies_compare_the_same_both_ways(one: str, other: str) -> None:
    a, b = COMPANY.normalise(one), COMPANY.normalise(other)

    if a is not None and b is not None:
        assert COMPANY.compare(a, b) == COMPANY.compare(b, a)
        assert COMPANY.compare(a, a) != DIFFERS


def test_the_brand_meets_across_scripts() -> None:
    han, latin = COMPANY.normalise("深圳市腾讯计算机系统有限公司"), COMPANY.normalise("Tengxun Ltd")

    assert set(COMPANY.parts["brand"](han)) == set(COMPANY.parts["brand"](latin)) == {"tengxun"}
