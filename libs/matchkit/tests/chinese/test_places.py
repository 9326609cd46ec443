"""Cities under every name, and addresses by their parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matchkit.kinds.address import ADDRESS
from matchkit.kinds.address import LEVELS as ADDRESS_LEVELS
from matchkit.kinds.place import LEVELS, PLACE


@pytest.mark.parametrize(
    "written",
    [
        "深圳",
        "深圳市",
        "广东深圳",
        "广东省深圳市",
        "广东省深圳市南山区科技园",
        "Shenzhen",
        "廣東省深圳市",
        " 深 圳 ",
    ],
)
def test_a_city_has_one_form(written: str) -> None:
    assert PLACE.normalise(written) == ("广东", "深圳")


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("北京", ("北京", "北京")),
        ("北京市海淀区", ("北京", "北京")),
        ("吉林", ("吉林", "")),
        ("吉林省吉林市", ("吉林", "吉林")),
        ("内蒙古呼和浩特", ("内蒙古", "呼和浩特")),
        ("湘西", ("湖南", "湘西")),
        ("延边", ("吉林", "延边")),
        ("广东", ("广东", "")),
        ("香港", ("香港", "香港")),
    ],
)
def test_places_are_found_by_short_names(written: str, place: tuple[str, str]) -> None:
    assert PLACE.normalise(written) == place


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("深圳", "广东省深圳市", "same_city"),
        ("深圳", "广东", "same_province"),
        ("深圳", "广州", "other_city"),
        ("深圳", "北京", "differs"),
    ],
)
def test_two_places_agree_so_far(one: str, other: str, expected: str) -> None:
    a, b = PLACE.normalise(one), PLACE.normalise(other)

    assert LEVELS[PLACE.compare(a, b)] == expected
    assert PLACE.compare(a, b) == PLACE.compare(b, a)


@pytest.mark.parametrize(
    "nowhere", ["", " ", "火星", "London", "12345", "\x00", "市", "省", "深", "😀" * 5_000]
)
def test_a_text_without_a_place_has_no_value(nowhere: str) -> None:
    assert PLACE.normalise(nowhere) is None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("广东省深圳市南山区科技园南路12号3栋501室", "exact"),
        ("深圳南山区科技园南路12号", "same_door"),
        ("深圳市南山区科技园南路15号", "same_street"),
        ("深圳市南山区深南大道1号", "same_district"),
        ("深圳市福田区深南大道1号", "same_city"),
        ("北京市海淀区中关村大街1号", "differs"),
    ],
)
def test_two_addresses_agree_so_far(other: str, expected: str) -> None:
    a = ADDRESS.normalise("广东省深圳市南山区科技园南路12号3栋501室")
    b = ADDRESS.normalise(other)

    assert ADDRESS_LEVELS[ADDRESS.compare(a, b)] == expected
    assert ADDRESS.compare(a, b) == ADDRESS.compare(b, a)


@pytest.mark.parametrize(
    "nothing", ["", " ", ",,,", "12号", "。", "\x00\u202e", "()", "#", "/", "501"]
)
def test_a_text_without_an_address_has_no_value(nothing: str) -> None:
    assert ADDRESS.normalise(nothing) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_addresses_compare_the_same_both_ways(one: str, other: str) -> None:
    a, b = ADDRESS.normalise(one), ADDRESS.normalise(other)

    if a is not None and b is not None:
        assert ADDRESS.compare(a, b) == ADDRESS.compare(b, a)
