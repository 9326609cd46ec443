"""Provinces and cities of China, under every name that people write for them.

`广东省深圳市`, `深圳`, `Shenzhen` and `广东深圳` are one city; a municipality is its own city.
"""

from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

import yaml

from matchkit.chinese.endings import Table, ending_with
from matchkit.chinese.script import fold, has_han, words
from matchkit.chinese.syllables import romanised

SHORT_NAME_CHARACTERS_MAX = 4
"""Longest name of a place that is looked for at the end of another name."""

_PROVINCE_ENDINGS = ("壮族自治区", "回族自治区", "维吾尔自治区", "特别行政区", "自治区", "省", "市")
_CITY_ENDINGS = ("特别行政区", "自治州", "地区", "市", "盟")
_PEOPLES = words(
    "朝鲜族 土家族 苗族 藏族 羌族 彝族 布依族 侗族 哈尼族 壮族 傣族 白族 景颇族 傈僳族 回族 "
    "蒙古族 蒙古 柯尔克孜 哈萨克"
)
_MUNICIPALITIES = frozenset({"北京", "上海", "天津", "重庆", "香港", "澳门"})


class Place(NamedTuple):
    """A province with a city in it, by short names; the city is empty when only the province is known."""

    province: str
    city: str


@lru_cache(maxsize=8192)
def find(text: str) -> Place | None:
    """The place that a text begins with; None when it begins with none."""
    return take(fold(text).replace(" ", ""))[0]


def take(text: str) -> tuple[Place | None, str]:
    """The place at the start of a folded text, and the rest; a province may stand before its city."""
    place, rest = _longest(text)
    if place is None or (place.city and place.province not in _MUNICIPALITIES):
        return place, rest
    inner, inner_rest = _longest(rest)
    if inner is not None and inner.province == place.province and inner.city:
        return inner, inner_rest
    return place, rest


def _longest(text: str) -> tuple[Place | None, str]:
    names = _names()
    for size in _sizes().get(text[:2], ()):
        place = names.get(text[:size])
        if place is not None:
            return place, text[size:]
    return None, text


@cache
def _sizes() -> dict[str, tuple[int, ...]]:
    """The first two characters of every name to the lengths of the names that begin so, longest first."""
    found: dict[str, set[int]] = {}
    for name in _names():
        found.setdefault(name[:2], set()).add(len(name))
    return {start: tuple(sorted(sizes, reverse=True)) for start, sizes in found.items()}


def begins_with_place(text: str) -> bool:
    """Whether a folded text may begin with a place: False when it certainly does not."""
    return text[:2] in _sizes()


def places_ending_like(text: str) -> tuple[str, ...]:
    """The names of two to four characters that end in a folded text's last two, longest first."""
    return _short_names().get(text[-2:], ())


@cache
def _short_names() -> Table:
    return ending_with(name for name in _names() if 2 <= len(name) <= SHORT_NAME_CHARACTERS_MAX)


def is_place(word: str) -> bool:
    """Whether a folded word is exactly the name of a place."""
    return word in _names()


@cache
def _names() -> dict[str, Place]:
    """Every name to its place: official, short, and romanised; provinces win over cities of the same name."""
    table: dict[str, list[str]] = yaml.safe_load(
        files("matchkit.chinese").joinpath("places.yaml").read_text(encoding="utf-8")
    )
    names: dict[str, Place] = {}
    for province, cities in table.items():
        short = _short(province, _PROVINCE_ENDINGS)
        for city in cities:
            _enter(names, city, Place(short, _short_city(city)))
    for province in table:
        short = _short(province, _PROVINCE_ENDINGS)
        _enter(names, province, Place(short, short if short in _MUNICIPALITIES else ""))
    return names


def _enter(names: dict[str, Place], official: str, place: Place) -> None:
    short = place.city or place.province
    for name in (official, short, romanised(short)):
        names[name] = place
    if short not in (official, official + "市"):
        names[short + "市"] = names.get(short + "市", place)


def _short(name: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        if name.endswith(ending) and len(name) - len(ending) >= 2:
            return name[: -len(ending)]
    return name


def _short_city(name: str) -> str:
    short = _short(name, _CITY_ENDINGS)
    for people in _PEOPLES:
        cut = short.find(people)
        if cut >= 2:
            short = short[:cut]
    return short


def romanised_place(word: str) -> Place | None:
    """The place that a Latin word names (`shenzhen`); None when it names none."""
    return None if has_han(word) else _names().get(word)
