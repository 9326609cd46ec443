"""Company names as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.normalising.companies import CompanyName, read_company


@pytest.mark.parametrize(
    "typed",
    [
        "示例精密（深圳）有限公司",
        "示例精密(深圳)有限公司",
        " 示例精密 (深圳) 有限公司 ",
        "示例精密【深圳】有限公司",
        "示例精密（深圳）有限责任公司",
        "示例精密深圳股份有限公司",
    ],
)
def test_spellings_of_one_company_share_its_core(typed: str) -> None:
    assert read_company(typed).core == "示例精密深圳"


@pytest.mark.parametrize(
    ("typed", "core", "legal_form", "branch"),
    [
        ("示例科技有限公司", "示例科技", "有限公司", ""),
        ("示例科技有限责任公司", "示例科技", "有限责任公司", ""),
        ("示例科技股份有限公司", "示例科技", "股份有限公司", ""),
        ("示例集团", "示例", "集团", ""),
        ("示例集团有限公司", "示例", "集团有限公司", ""),
        ("示例科技有限公司上海分公司", "示例科技", "有限公司", "上海分公司"),
        ("示例银行深圳科技园支行", "示例银行", "", "深圳科技园支行"),
        ("示例投资(有限合伙)", "示例投资", "有限合伙", ""),
        ("示例模具厂", "示例模具", "厂", ""),
        ("Sample Precision Co., Ltd.", "sample precision", "ltd", ""),
        ("SAMPLE  PRECISION  Limited", "sample precision", "ltd", ""),
        ("Sample, Inc.", "sample", "inc", ""),
        ("Sample Maschinen GmbH", "sample maschinen", "gmbh", ""),
        ("Sample Trading Pte. Ltd.", "sample trading", "pteltd", ""),
        ("示例", "示例", "", ""),
        ("有限公司", "有限公司", "有限公司", ""),
    ],
)
def test_legal_form_and_branch_stand_beside_the_core(
    typed: str, core: str, legal_form: str, branch: str
) -> None:
    read = read_company(typed)

    assert (read.core, read.legal_form, read.branch) == (core, legal_form, branch)


@pytest.mark.parametrize("typed", ["", "无", "个人", "测试", "test", "N/A", "111", "---", "xx公司"])
def test_a_text_that_names_no_company_gives_none(typed: str) -> None:
    assert read_company(typed) == CompanyName()


@given(st.text(max_size=300) | st.text("示例(）（)有限公司集团分Ltd. ,深圳", max_size=40))
def test_no_text_breaks_the_reading_and_a_name_stays_what_it_is(typed: str) -> None:
    read = read_company(typed)

    assert bool(read.name) is bool(read.core)
    assert read_company(read.name) == read
