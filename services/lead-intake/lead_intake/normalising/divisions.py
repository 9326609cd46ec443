"""The divisions of China and the words that name them, from the register and from what people call places."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from lead_intake.domain.places import Method, Precision, Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PEOPLES = (
    "(?:维吾尔|哈萨克|柯尔克孜|塔吉克|蒙古|锡伯|鄂伦春|达斡尔)族?|(?:各|回|藏|苗|彝|壮|布依|朝鲜|满|侗|瑶|白|土家|哈尼|傣|黎|傈僳|佤"
    "|畲|拉祜|水|东乡|纳西|景颇|土|仫佬|羌|布朗|撒拉|毛南|仡佬|阿昌|普米|鄂温克|德昂|保安|裕固|独龙|怒)族"
)
_AUTONOMOUS = re.compile(rf"(?:{_PEOPLES})*自治[区州县旗]$")
_SUFFIX = re.compile(r"(?:特别行政区|省|市|地区|盟|林区|新区|矿区|区|县|旗)$")
_COMMON_WORDS = frozenset({"老城区", "新城区"})
_NAME_LENGTH_MIN = 2
_DISTRICT_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """A province, city, district or zone, the divisions around it from the outermost on, and its region."""

    full_name: str
    around: tuple[Division, ...]
    region: Region

    def is_inside(self, others: frozenset[Division]) -> bool:
        """Whether it lies in one of the others."""
        return not others.isdisjoint(self.around)


@dataclass(slots=True)
class Words:
    """What words mean. Weak ones count only beside a place that holds theirs, or when nothing else was said."""

    strong: dict[str, tuple[Division, ...]]
    weak: dict[str, tuple[Division, ...]]
    full: set[str]

    def add(self, word: str, division: Division, *, is_weak: bool = False) -> None:
        """Lets `word` mean `division` too."""
        known = self.weak if is_weak else self.strong
        if len(word) >= _NAME_LENGTH_MIN and division not in known.get(word, ()):
            known[word] = (*known.get(word, ()), division)


def load_divisions() -> tuple[dict[str, Division], Words, dict[int, int]]:
    """Divisions by code, the words that name them, and the traditional characters with their simplified ones."""
    folder = resources.files("lead_intake.policies")
    register = json.loads(folder.joinpath("regions.json").read_text("utf-8"))
    customs = yaml.load(  # the loader in C is a safe one, ten times as fast
        folder.joinpath("places.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader
    )
    words = Words({}, {}, set())
    by_code: dict[str, Division] = {}
    for division in _divisions(register["provinces"], customs["more_cities"]):
        region = division.region
        by_code.setdefault(region.code, division)
        if region.city == region.province:
            by_code.setdefault(region.province_code.ljust(6, "0"), division)
        _name(division, words, customs["contested"])
    _add_customs(by_code, words, customs)
    return by_code, words, {ord(pair[0]): ord(pair[1]) for pair in customs["traditional"].split()}


def short_name(name: str) -> str:
    """A division's name without what it is: 广东省 is 广东, 恩施土家族苗族自治州 is 恩施, 朝阳区 is 朝阳."""
    for pattern in (_AUTONOMOUS, _SUFFIX):
        short = pattern.sub("", name)
        if short != name:
            return short if len(short) >= _NAME_LENGTH_MIN else _without_autonomy(name)
    return name


def _without_autonomy(name: str) -> str:
    """东乡族自治县 is 东乡, 赵县 stays: one character is no name."""
    return re.sub(r"族?自治[区州县旗]$", "", name)


def _divisions(
    provinces: Sequence[Any], more_cities: Mapping[str, Sequence[str]]
) -> Iterator[Division]:
    for code, name, *inside in provinces:
        region = Region(
            short_name(name), "", Precision.PROVINCE, province_code=code, method=Method.STATED
        )
        province = Division(name, (), region)
        parts = inside[0] if inside else []
        if code in more_cities:
            yield province
            yield from _cities([["", city] for city in more_cities[code]], province)
        elif _is_municipality(parts):
            yield from _only_city(province, parts)
        else:
            yield province
            yield from _cities(parts, province)


def _is_municipality(parts: Sequence[Any]) -> bool:
    """Whether a province's parts are districts (one that has cities may have districts beside them)."""
    return all(len(part[0]) == _DISTRICT_DIGITS for part in parts)


def _only_city(province: Division, districts: Sequence[Any]) -> Iterator[Division]:
    """A municipality, or a special administrative region: province and city in one."""
    code = f"{province.region.province_code}01" if districts else ""
    region = replace(
        province.region, city=province.region.province, city_code=code, precision=Precision.CITY
    )
    city = Division(province.full_name, (province,), region)
    yield city
    yield from _districts(districts, city)


def _cities(cities: Sequence[Any], province: Division) -> Iterator[Division]:
    for code, name, *inside in cities:
        region = replace(
            province.region, city=short_name(name), city_code=code, precision=Precision.CITY
        )
        city = Division(f"{province.full_name}{name}", (province,), region)
        yield city
        yield from _districts(inside[0] if inside else (), city)


def _districts(districts: Sequence[Any], city: Division) -> Iterator[Division]:
    for code, name in districts:
        region = replace(
            city.region, district=name, district_code=code, precision=Precision.DISTRICT
        )
        yield Division(f"{city.full_name}{name}", (*city.around, city), region)


def _name(division: Division, words: Words, contested: Sequence[str]) -> None:
    """Lets a division's full and short name mean it."""
    region = division.region
    if region.precision is Precision.DISTRICT:
        _name_district(division, words)
        return
    outer = division.around[0].full_name if division.around else ""
    full = division.full_name.removeprefix(outer) or division.full_name
    short = region.city or region.province
    words.full.add(full)
    if region.city == region.province and full == division.full_name:
        words.strong[full] = words.strong[short] = (division,)
        return
    for name in (full, *_without_peoples(full, short)):
        words.add(name, division)
    is_taken = any(each.region.city == "" for each in words.strong.get(short, ()))
    words.add(short, division, is_weak=is_taken or short in contested)


def _name_district(division: Division, words: Words) -> None:
    full, short = division.region.district, short_name(division.region.district)
    words.full.add(full)
    words.add(full, division, is_weak=len(full) == _NAME_LENGTH_MIN or full in _COMMON_WORDS)
    for name in _without_peoples(full, short):
        words.add(name, division)
    if short != full:
        words.add(short, division, is_weak=True)


def _without_peoples(full: str, short: str) -> Iterator[str]:
    """延边州 for 延边朝鲜族自治州."""
    if "自治" in full:
        yield f"{short}{full[-1]}"


def _add_customs(by_code: Mapping[str, Division], words: Words, customs: Mapping[str, Any]) -> None:
    for names in (customs["names"], customs["district_names"]):
        for code, others in names.items():
            for name in others:
                words.add(name.lower(), by_code[code.ljust(6, "0")])
    for name, zone in customs["zones"].items():
        around = by_code[zone["in"].ljust(6, "0")]
        region = replace(around.region, district=name, district_code="", precision=Precision.ZONE)
        division = Division(f"{around.full_name}{name}", (*around.around, around), region)
        for word in (name, *zone["names"]):
            words.add(word, division)
