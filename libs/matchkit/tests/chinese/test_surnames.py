"""Surnames are read as surnames, not as the characters they are written with."""

from __future__ import annotations

import pytest
from matchkit.chinese.surnames import romanised_surnames, surname_length, surname_readings


@pytest.mark.parametrize(
    ("surname", "reading"),
    [
        ("单", "shan"),
        ("曾", "zeng"),
        ("翟", "zhai"),
        ("查", "zha"),
        ("仇", "qiu"),
        ("解", "xie"),
        ("区", "ou"),
        ("任", "ren"),
        ("朴", "piao"),
        ("盖", "ge"),
        ("乐", "yue"),
        ("缪", "miao"),
        ("覃", "qin"),
        ("员", "yun"),
        ("吕", "lu"),
        ("尉迟", "yuchi"),
        ("万俟", "moqi"),
        ("长孙", "zhangsun"),
        ("单于", "chanyu"),
        ("欧阳", "ouyang"),
    ],
)
def test_a_surname_has_its_own_reading(surname: str, reading: str) -> None:
    assert surname_readings(surname)[0] == reading


@pytest.mark.parametrize(
    ("spelling", "surname"),
    [
        ("cheung", "zhang"),
        ("tsang", "zeng"),
        ("wong", "huang"),
        ("wong", "wang"),
        ("chan", "chen"),
        ("ng", "wu"),
        ("hsu", "xu"),
        ("tsai", "cai"),
        ("kwok", "guo"),
        ("szeto", "situ"),
    ],
)
def test_other_spellings_lead_to_the_surname(spelling: str, surname: str) -> None:
    assert surname in romanised_surnames(spelling)


def test_what_is_no_surname_leads_nowhere() -> None:
    assert romanised_surnames("smith") == ()


@pytest.mark.parametrize(
    ("name", "length"), [("", 0), ("张伟", 1), ("欧阳修", 2), ("司马", 2), ("爱新觉罗溥仪", 4)]
)
def test_compound_surnames_are_whole(name: str, length: int) -> None:
    assert surname_length(name) == length
