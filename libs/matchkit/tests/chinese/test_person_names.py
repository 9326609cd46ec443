"""Names as people write them: 张伟 under every spelling, and those who only sound like him."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matchkit.kinds.person_name import DIFFERS, LEVELS, PERSON_NAME
from matchkit.synthetic.people import Person
from matchkit.synthetic.spellings import NAME_SPELLINGS, spell_name

ZHANG_WEI = Person("张", "伟", True, "13800138000", "13800138001", "", "", "", "", "")  # noqa: FBT003  he is a man

COMPATIBLE = (
    "exact",
    "same_pinyin",
    "initial",
    "rare_surname",
    "surname",
    "common_surname",
)


def level(one: str, other: str) -> str:
    a, b = PERSON_NAME.normalise(one), PERSON_NAME.normalise(other)
    assert a is not None
    assert b is not None
    assert PERSON_NAME.compare(a, b) == PERSON_NAME.compare(b, a)
    return LEVELS[PERSON_NAME.compare(a, b)]


def test_there_are_seventeen_spellings() -> None:
    written = {spell_name(ZHANG_WEI, spelling) for spelling in NAME_SPELLINGS}

    assert len(written) == 17


@pytest.mark.parametrize("spelling", NAME_SPELLINGS)
def test_every_spelling_can_be_zhang_wei(spelling: str) -> None:
    assert level("张伟", spell_name(ZHANG_WEI, spelling)) in COMPATIBLE


@pytest.mark.parametrize("one", NAME_SPELLINGS)
def test_no_two_spellings_of_one_name_contradict(one: str) -> None:
    mine = spell_name(ZHANG_WEI, one)

    levels = {level(mine, spell_name(ZHANG_WEI, other)) for other in NAME_SPELLINGS}

    assert levels <= set(COMPATIBLE)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("张伟", "exact"),
        ("張偉", "exact"),
        ("張偉先生", "exact"),
        ("张 伟", "exact"),
        ("伟 张", "exact"),
        ("张伟（采购部）", "exact"),
        ("【采购】张伟", "exact"),
        ("采购部张伟", "exact"),
        ("张伟总", "exact"),
        ("张伟-腾讯公司", "exact"),
        ("张伟 Zhang Wei", "exact"),
        ("Zhang Wei", "same_pinyin"),
        ("Wei Zhang", "same_pinyin"),
        ("ZHANG Wei", "same_pinyin"),
        ("Zhang, Wei", "same_pinyin"),
        ("Zhāng Wěi", "same_pinyin"),
        ("zhangwei", "same_pinyin"),
        ("Mr. Zhang Wei", "same_pinyin"),
        ("Zhang W.", "initial"),
        ("W. Zhang", "initial"),
        ("张先生", "common_surname"),
        ("张总", "common_surname"),
        ("老张", "common_surname"),
        ("小张", "common_surname"),
        ("销售张", "common_surname"),
        ("张工", "common_surname"),
        ("张某", "common_surname"),
        ("张**", "common_surname"),
        ("Mr. Zhang", "common_surname"),
        ("Cheung Wai", "common_surname"),
        ("David Zhang", "common_surname"),
        ("张卫", "homophone"),
        ("章伟", "homophone"),
        ("张玮", "homophone"),
        ("张强", "same_surname"),
        ("李伟", "differs"),
        ("李先生", "differs"),
        ("David", "incomparable"),
    ],
)
def test_what_is_written_agrees_with_zhang_wei_so_far(written: str, expected: str) -> None:
    assert level("张伟", written) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("欧阳娜娜", "欧阳小姐", "rare_surname"),
        ("欧阳娜娜", "Ouyang Nana", "same_pinyin"),
        ("欧阳娜娜", "Ou Yang Nana", "same_pinyin"),
        ("欧阳娜娜", "Nana Ou Yang", "same_pinyin"),
        ("吕布", "Lü Bu", "same_pinyin"),
        ("吕布", "Lv Bu", "same_pinyin"),
        ("吕布", "Lyu Bu", "same_pinyin"),
        ("李天宇", "Tianyu Li", "same_pinyin"),
        ("黄国伟", "Wong Kwok-wai", "surname"),
        ("曾志伟", "Tsang Chi Wai", "surname"),
        ("王建国", "王建帼", "homophone"),
        ("王建国", "王建军", "one_character"),
        ("王建国", "王国建", "one_character"),
        ("王建国", "王国", "one_character"),
        ("Zhang Weiguo", "Zhang Weigou", "same_surname"),
        ("阿迪力·买买提", "阿迪力·买买提", "exact"),
        ("John Smith", "Smith John", "exact"),
        ("John Smith", "Jon Smith", "one_character"),
        ("John Smith", "Mary Jones", "differs"),
    ],
)
def test_two_names_agree_so_far(one: str, other: str, expected: str) -> None:
    assert level(one, other) == expected


def test_a_title_that_belongs_to_the_name_stays() -> None:
    value = PERSON_NAME.normalise("王建工")

    assert value is not None
    assert PERSON_NAME.term(value) == "王建工"


@pytest.mark.parametrize(
    "nobody",
    [
        "",
        "   ",
        "先生",
        "匿名用户",
        "测试",
        "采购部",
        "12345",
        "138****1234",
        "someone@example.com",
        "\u202e\u200b\x00",
        "😀😀",
        "阿伟",
        "深圳市某某科技有限公司",
        "！？。",
    ],
)
def test_a_text_that_names_nobody_has_no_value(nobody: str) -> None:
    assert PERSON_NAME.normalise(nobody) is None


def test_direction_marks_and_full_width_letters_change_nothing() -> None:
    assert level("\u202e张\u200b伟\u202c", "Ｚｈａｎｇ　Ｗｅｉ") == "same_pinyin"


def test_an_absurdly_long_name_is_read_in_bounded_time() -> None:
    assert PERSON_NAME.normalise("张" * 100_000) is None
    assert PERSON_NAME.normalise("zhang" * 50_000) is not None
    assert PERSON_NAME.normalise("(" * 50_000 + "张伟") is None


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_texts_compare_the_same_both_ways(one: str, other: str) -> None:
    a, b = PERSON_NAME.normalise(one), PERSON_NAME.normalise(other)

    if a is not None and b is not None:
        assert PERSON_NAME.compare(a, b) == PERSON_NAME.compare(b, a)
        assert PERSON_NAME.compare(a, a) != DIFFERS


@given(st.text(alphabet="张伟李王欧阳先生总Zhang Wei.-（）·", max_size=12))
def test_parts_of_any_name_are_texts(written: str) -> None:
    value = PERSON_NAME.normalise(written)

    if value is not None:
        for cut in PERSON_NAME.parts.values():
            assert all(isinstance(piece, str) and piece for piece in cut(value))


def test_keys_meet_across_scripts_and_orders() -> None:
    han, latin = PERSON_NAME.normalise("张伟"), PERSON_NAME.normalise("Wei Zhang")

    shared = set(PERSON_NAME.parts["pinyin"](han)) & set(PERSON_NAME.parts["pinyin"](latin))

    assert shared == {"zhang wei"}


def test_names_of_one_sound_count_as_one_name_at_a_telephone() -> None:
    names = [PERSON_NAME.normalise(each) for each in ("张伟", "張偉", "张玮", "张总", "Zhang Wei")]

    assert {text for each in names for text in PERSON_NAME.parts["full"](each)} == {"zhang wei"}
