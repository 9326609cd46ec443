"""Places as customers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.places import Method, Precision, Region
from lead_intake.normalising.divisions import load_divisions
from lead_intake.normalising.regions import load_gazetteer, read_region

GAZETTEER = load_gazetteer()
DIVISIONS, WORDS, _ = load_divisions()


def named(words: str) -> Region:
    return read_region(GAZETTEER, "", "", words)


@pytest.mark.parametrize(
    ("province", "city", "words", "expected"),
    [
        ("广东省", "深圳市", "", ("广东", "深圳")),
        ("", "深圳", "", ("广东", "深圳")),
        ("", "", "深圳市南山区科技园", ("广东", "深圳")),
        ("", "", "广东-广州", ("广东", "广州")),
        ("", "", "北京市朝阳区建国路88号", ("北京", "北京")),
        ("上海", "上海", "", ("上海", "上海")),
        ("", "", "上海市南京东路1号", ("上海", "上海")),
        ("", "", "吉林省吉林市", ("吉林", "吉林")),
        ("吉林", "吉林", "", ("吉林", "吉林")),
        ("青海", "海南", "", ("青海", "海南")),
        ("", "", "海南州", ("青海", "海南")),
        ("辽宁", "朝阳", "", ("辽宁", "朝阳")),
        ("", "三沙市", "", ("海南", "三沙")),
        ("内蒙古自治区", "呼和浩特", "", ("内蒙古", "呼和浩特")),
        ("", "延边朝鲜族自治州", "", ("吉林", "延边")),
        ("", "shenzhen", "", ("广东", "深圳")),
        ("", "Hong Kong", "", ("香港", "香港")),
        ("廣東省", "東莞市", "", ("广东", "东莞")),
        ("", "襄樊", "", ("湖北", "襄阳")),
        ("新疆", "石河子", "", ("新疆", "石河子")),
        ("台湾", "台北", "", ("台湾", "台北")),
        ("ＧＵＡＮＧＤＯＮＧ", "", "", ("广东", "")),
        ("", "shenzhener", "", ("", "")),
    ],
)
def test_a_named_city_gives_province_and_city(
    province: str, city: str, words: str, expected: tuple[str, str]
) -> None:
    region = read_region(GAZETTEER, province, city, words)

    assert (region.province, region.city) == expected


@pytest.mark.parametrize(
    ("words", "district", "code"),
    [
        ("北京朝阳区", "朝阳区", "110105"),
        ("北京市朝阳区建国路88号", "朝阳区", "110105"),
        ("朝阳区，北京", "朝阳区", "110105"),
        ("长春朝阳", "朝阳区", "220104"),
        ("上海浦东", "浦东新区", "310115"),
        ("天津河北区", "河北区", "120105"),
        ("大连中山区", "中山区", "210202"),
        ("深圳南山", "南山区", "440305"),
        ("昆山", "昆山市", "320583"),
        ("顺德", "顺德区", "440606"),
        ("崇文区", "东城区", "110101"),
        ("南昌市南昌县", "南昌县", "360121"),
        ("北京市市辖区东城区", "东城区", "110101"),
        ("长阳县", "长阳土家族自治县", "420528"),
        ("河北省赵县", "赵县", "130133"),
    ],
)
def test_a_named_district_gives_its_code(words: str, district: str, code: str) -> None:
    region = named(words)

    assert (region.precision, region.district, region.code) == (Precision.DISTRICT, district, code)
    assert region.method is Method.STATED


@pytest.mark.parametrize(
    ("words", "zone", "city", "code"),
    [
        ("雄安新区", "雄安新区", "保定", "130600"),
        ("苏州工业园区星湖街", "苏州工业园区", "苏州", "320500"),
        ("武汉市东湖高新区", "武汉东湖新技术开发区", "武汉", "420100"),
        ("天府新区", "天府新区", "成都", "510100"),
    ],
)
def test_a_functional_zone_is_no_division_and_lies_in_one(
    words: str, zone: str, city: str, code: str
) -> None:
    region = named(words)

    assert (region.precision, region.district, region.city) == (Precision.ZONE, zone, city)
    assert (region.code, region.district_code) == (code, "")


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        ("朝阳区建国路88号", ("北京市朝阳区", "吉林省长春市朝阳区")),
        ("朝阳", ("北京市朝阳区", "吉林省长春市朝阳区", "辽宁省朝阳市")),
        ("通州", ("北京市通州区", "江苏省南通市通州区")),
        ("和平区", ("天津市和平区", "辽宁省沈阳市和平区")),
        ("北京/上海", ("上海市", "北京市")),
        ("北京和上海", ("上海市", "北京市")),
        ("北京或上海", ("上海市", "北京市")),
    ],
)
def test_words_that_fit_several_places_are_not_guessed(
    words: str, candidates: tuple[str, ...]
) -> None:
    region = named(words)

    assert region == Region(
        precision=Precision.AMBIGUOUS, method=Method.STATED, candidates=candidates
    )


def test_gulou_exists_four_times() -> None:
    assert len(named("鼓楼区").candidates) == 4


def test_what_the_candidates_share_is_kept() -> None:
    region = named("江苏鼓楼区")

    assert (region.province, region.city, region.precision) == ("江苏", "", Precision.PROVINCE)
    assert region.candidates == ("江苏省南京市鼓楼区", "江苏省徐州市鼓楼区")


def test_a_city_of_another_province_than_stated_is_not_guessed() -> None:
    region = read_region(GAZETTEER, "广东", "南京市玄武区", "")

    assert region.precision is Precision.AMBIGUOUS
    assert region.candidates == ("广东省", "江苏省南京市")


def test_an_address_narrows_what_was_stated() -> None:
    region = read_region(GAZETTEER, "广东", "深圳", "南山区科技园")

    assert region.district == "南山区"


def test_an_address_never_contradicts_what_was_stated() -> None:
    region = read_region(GAZETTEER, "广东", "深圳", "杭州市西湖区")

    assert (region.city, region.precision) == ("深圳", Precision.CITY)


def test_a_province_alone_is_only_a_province() -> None:
    region = read_region(GAZETTEER, "江苏", "", "")

    assert region == Region(
        "江苏", "", Precision.PROVINCE, province_code="32", method=Method.STATED
    )


@pytest.mark.parametrize("code", ["1101", "110100"])
def test_a_municipality_is_a_city_too(code: str) -> None:
    region = GAZETTEER.with_code(code)

    assert (region.city_code, region.code) == ("1101", "110100")
    assert named("北京") == region


@pytest.mark.parametrize(
    "words", ["", "火星", "中山路100号", "上海宾馆", "北京大学", "中关村大街", "东方科技", "市辖区"]
)
def test_words_without_a_place_give_no_region(words: str) -> None:
    assert named(words) == Region()


def test_every_division_is_found_by_its_full_names() -> None:
    lost = [
        division.full_name
        for division in DIVISIONS.values()
        if named(division.full_name) != division.region
    ]

    assert lost == []
    assert len(DIVISIONS) > 3_200


@given(st.sampled_from(sorted(DIVISIONS)), st.sampled_from(["", " ", "-", "，", "市辖区"]))
def test_separators_between_province_city_and_district_change_nothing(
    code: str, separator: str
) -> None:
    division = DIVISIONS[code]
    outer = [each.full_name for each in division.around]
    names = [*outer, division.full_name]
    own = [name.removeprefix(before) for before, name in zip(["", *outer], names, strict=True)]

    assert named(separator.join(own)) == division.region


@given(st.sampled_from(sorted(DIVISIONS)))
def test_a_region_read_again_from_its_own_names_stays(code: str) -> None:
    region = DIVISIONS[code].region
    again = read_region(GAZETTEER, region.province, region.city, region.district)

    assert again == region


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_the_reading(province: str, city: str, words: str) -> None:
    region = read_region(GAZETTEER, province, city, words)

    assert region.has_city is (
        region.precision
        not in {
            Precision.UNKNOWN,
            Precision.PROVINCE,
            Precision.AMBIGUOUS,
        }
    )


@given(st.lists(st.sampled_from(sorted({*WORDS.strong, *WORDS.weak})), max_size=30))
def test_no_row_of_names_breaks_the_reading(names: list[str]) -> None:
    region = read_region(GAZETTEER, "", "", "".join(names))

    assert (region.precision is Precision.UNKNOWN) is (region.method is Method.NONE)
