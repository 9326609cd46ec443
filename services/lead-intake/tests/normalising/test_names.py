"""Names as people write them into forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.normalising.names import NameFault, PersonName, read_name


@pytest.mark.parametrize("typed", ["赵六", " 赵 六 ", "赵\u3000六", "赵六。", "\u200b赵六"])
def test_a_name_is_read_without_what_stands_around_it(typed: str) -> None:
    assert read_name(typed) == PersonName("赵六", fault=NameFault.NONE)


@pytest.mark.parametrize(
    ("typed", "name", "honorific", "is_surname_only"),
    [
        ("赵先生", "赵", "先生", True),
        ("赵总", "赵", "总", True),
        ("欧阳女士", "欧阳", "女士", True),
        ("赵小六经理", "赵小六", "经理", False),
        ("赵总监", "赵", "总监", True),
        ("销售赵", "赵", "销售", True),
        ("采购-赵小六", "赵小六", "采购", False),
        ("小赵", "赵", "小", True),
        ("老赵", "赵", "老", True),
        ("Mr. Sample", "Sample", "Mr", False),
        ("赵工", "赵", "工", True),
    ],
)
def test_a_form_of_address_is_kept_beside_the_name(
    typed: str, name: str, honorific: str, is_surname_only: object
) -> None:
    read = read_name(typed)

    assert (read.name, read.honorific) == (name, honorific)
    assert read.is_surname_only is is_surname_only
    assert read.fault is NameFault.NONE


@pytest.mark.parametrize("typed", ["赵建工", "Anna Sample", "阿依古丽·示例", "总统"])
def test_a_name_that_only_looks_like_an_address_is_whole(typed: str) -> None:
    read = read_name(typed)

    assert (read.name, read.honorific) == (typed, "")


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("", NameFault.EMPTY),
        ("   ", NameFault.EMPTY),
        ("测试", NameFault.JUNK),
        ("测试123", NameFault.JUNK),
        ("test", NameFault.JUNK),
        ("TEST01", NameFault.JUNK),
        ("aaaa", NameFault.JUNK),
        ("xxx", NameFault.JUNK),
        ("先生", NameFault.JUNK),
        ("微信用户", NameFault.JUNK),
        ("111", NameFault.NO_LETTERS),
        ("---", NameFault.NO_LETTERS),
        ("😀", NameFault.NO_LETTERS),
    ],
)
def test_what_is_no_name_is_flagged(typed: str, fault: NameFault) -> None:
    assert read_name(typed).fault is fault


@given(st.text(max_size=300) | st.text("赵王欧阳先生总销售小 .-测试x", max_size=30))
def test_no_text_breaks_the_reading_and_a_name_stays_what_it_is(typed: str) -> None:
    read = read_name(typed)

    assert repr(read) == f"PersonName({read.fault})"
    if read.fault is NameFault.NONE and not read.honorific:
        assert read_name(read.name) == read
