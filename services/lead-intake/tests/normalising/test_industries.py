"""Industries as customers write them."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.normalising.industries import IndustryReading, load_lexicon, read_industry

LEXICON = load_lexicon()
PHRASES = yaml.safe_load(Path(__file__).with_name("industry_phrases.yaml").read_text("utf-8"))
RIGHT_MIN = 0.95


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("精密零部件", "精密零部件"),
        ("新能源汽车", "汽车零部件"),
        ("做光伏逆变器的", "电气新能源"),
        ("SaaS 软件", "软件SaaS"),
        ("跨境电商", "跨境电商外贸"),
        ("食品机械", "机械装备"),
        ("ＩＴ 服务", "IT集成"),
        ("", ""),
    ],
)
def test_the_longest_word_decides_the_industry(text: str, tag: str) -> None:
    assert read_industry(LEXICON, text) == tag


def test_there_are_the_23_preset_industries_with_20_to_60_words_each() -> None:
    counts = dict.fromkeys(LEXICON.tags, 0)
    for word in LEXICON.words:
        tag = LEXICON.tag_of(word)
        counts[tag] = counts.get(tag, 0) + 1

    assert len(LEXICON.tags) == 23
    assert all(20 <= counts[tag] <= 60 for tag in LEXICON.tags), counts


def test_every_tag_names_itself_and_its_codes() -> None:
    for tag in LEXICON.tags:
        reading = LEXICON.read(tag)

        assert reading.tag == tag
        assert reading.codes


def test_the_last_word_of_a_compound_names_the_trade() -> None:
    assert LEXICON.tag_of("食品包装") == "包装印刷"
    assert LEXICON.tag_of("教育软件") == "软件SaaS"


def test_the_first_of_several_trades_is_the_main_one() -> None:
    assert LEXICON.tag_of("机械、电子") == "机械装备"
    assert LEXICON.tag_of("电子、机械") == "电子智能硬件"


@pytest.mark.parametrize("text", ["不做软件,做医疗器械", "不是软件,医疗器械", "非软件类医疗器械"])
def test_a_denied_word_does_not_count(text: str) -> None:
    assert LEXICON.tag_of(text) == "医疗器械"


@pytest.mark.parametrize("text", ["电子邮件", "软件园", "机械键盘", "heat kit", "亚马逊雨林"])
def test_a_phrase_that_only_holds_a_word_says_nothing(text: str) -> None:
    assert LEXICON.read(text) == IndustryReading()


def test_a_plain_industry_of_no_preset_is_other_and_words_without_one_are_empty() -> None:
    assert LEXICON.tag_of("养蜂") == LEXICON.other == "其他"
    assert LEXICON.other not in LEXICON.tags
    assert LEXICON.tag_of("随便看看") == ""


def test_almost_every_labelled_phrase_is_read_as_a_person_reads_it() -> None:
    pairs = [(phrase, tag) for tag, phrases in PHRASES.items() for phrase in phrases]
    wrong = [
        f"{phrase}: {read_industry(LEXICON, phrase)}, not {tag}"
        for phrase, tag in pairs
        if read_industry(LEXICON, phrase) != tag
    ]

    assert len(pairs) >= 200
    assert 1 - len(wrong) / len(pairs) >= RIGHT_MIN, wrong


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert read_industry(LEXICON, text) in {"", LEXICON.other, *LEXICON.tags}


@given(st.sampled_from(LEXICON.words), st.sampled_from(["", " ", "\u3000", "行业", "公司"]))
def test_what_stands_around_a_word_changes_nothing(word: str, around: str) -> None:
    assert LEXICON.tag_of(f"{around}{word}{around}") == LEXICON.tag_of(word)
