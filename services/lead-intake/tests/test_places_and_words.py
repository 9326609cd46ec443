"""Regions, industries and source kinds, as customers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.places import Precision, Region
from lead_intake.normalising.industries import load_lexicon, read_industry
from lead_intake.normalising.regions import load_gazetteer, read_region
from lead_intake.normalising.source_kinds import read_source_kind

GAZETTEER = load_gazetteer()
LEXICON = load_lexicon()


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
        ("辽宁", "朝阳", "", ("辽宁", "朝阳")),
        ("", "三沙市", "", ("海南", "三沙")),
        ("内蒙古自治区", "呼和浩特", "", ("内蒙古", "呼和浩特")),
        ("", "shenzhen", "", ("", "")),
        ("", "Shenzhen", "", ("广东", "深圳")),
    ],
)
def test_a_named_city_gives_province_and_city(
    province: str, city: str, words: str, expected: tuple[str, str]
) -> None:
    region = read_region(GAZETTEER, province, city, words)

    assert (region.province, region.city) == expected


@pytest.mark.parametrize("words", ["朝阳区建国路88号", "鼓楼区", "通州", "朝阳"])
def test_a_district_that_exists_in_several_places_is_not_guessed(words: str) -> None:
    region = read_region(GAZETTEER, "", "", words)

    assert region == Region(precision=Precision.AMBIGUOUS)


def test_a_city_of_another_province_than_stated_is_not_guessed() -> None:
    assert read_region(GAZETTEER, "广东", "南京", "").precision is Precision.AMBIGUOUS


def test_a_province_alone_is_only_a_province() -> None:
    region = read_region(GAZETTEER, "江苏", "", "")

    assert region == Region("江苏", "", Precision.PROVINCE)


@pytest.mark.parametrize("words", ["", "火星", "中山路100号"])
def test_words_without_a_place_give_no_region(words: str) -> None:
    assert read_region(GAZETTEER, "", "", words) == Region()


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("精密零部件", "精密零部件"),
        ("新能源汽车", "汽车零部件"),
        ("做光伏逆变器的", "电气新能源"),
        ("SaaS 软件", "软件SaaS"),
        ("跨境电商", "跨境电商外贸"),
        ("养蜂", ""),
        ("", ""),
    ],
)
def test_the_longest_word_decides_the_industry(text: str, tag: str) -> None:
    assert read_industry(LEXICON, text) == tag


def test_there_are_the_23_preset_industries() -> None:
    assert len(LEXICON.tags) == 23


@pytest.mark.parametrize(
    ("stated", "url", "referrer", "kind"),
    [
        ("", "https://e.com/?utm_source=baidu&utm_medium=cpc", "", "sem"),
        ("", "https://e.com/?bd_vid=abc", "https://www.zhihu.com/", "sem"),
        ("公众号", "", "", "official_account"),
        ("", "https://e.com/?utm_source=weixin", "", "official_account"),
        ("", "https://e.com/", "https://www.baidu.com/s?wd=x", "organic"),
        ("自然搜索", "", "", "organic"),
        ("", "", "https://www.xiaohongshu.com/explore", "social"),
        ("social", "", "", "social"),
        ("", "https://e.com/", "", "other"),
    ],
)
def test_the_source_kind_follows_what_is_stated_then_the_page(
    stated: str, url: str, referrer: str, kind: str
) -> None:
    assert read_source_kind(stated, url, referrer) == kind


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_of_places_and_words(text: str) -> None:
    region = read_region(GAZETTEER, text, text, text)

    assert (region.precision is Precision.CITY) is bool(region.city)
    assert read_industry(LEXICON, text) in {"", *LEXICON.tags}
