"""Reads which province and city a customer named.

Hidden decision: words narrow the set of places that fit, from left to right; when several places still fit, none is
guessed. Names of places that are also street names count only when no street word follows.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, TypeAlias

import yaml

from lead_intake.domain.leads import Precision, Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEXT_LENGTH_MAX = 120
REMEMBERED_MAX = 8192

_UNKNOWN = Region()
_AMBIGUOUS = Region(precision=Precision.AMBIGUOUS)
_STREET = r"(?![东南西北中]?[一二三四五]?(?:路|街|大道|巷|大厦|广场|村|镇|桥|里))"
_CITY_SUFFIXES = ("市", "地区", "盟", "州")

Place: TypeAlias = tuple[str, str]
"""Province and city; the city is empty for the province as a whole."""


class Gazetteer:
    """The places of China by name. `document` has `provinces`, `suffixes`, `aliases` and `districts`."""

    def __init__(self, document: Mapping[str, Mapping[str, object]]) -> None:
        self._places: dict[str, frozenset[Place]] = {}
        self._add_provinces(document)
        self._add_districts(document["districts"])

    @cached_property
    def _names(self) -> re.Pattern[str]:
        longest_first = sorted(self._places, key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, longest_first)) + ")" + _STREET)

    def resolve(self, text: str) -> Region:
        """The one region that the words of `text` fit."""
        candidates: frozenset[Place] = frozenset()
        for name in self._names.findall(_tidied(text)):
            places = self._places[name]
            candidates = _narrowed(candidates, places) if candidates else places
        return _region(candidates)

    def _add_provinces(self, document: Mapping[str, Mapping[str, object]]) -> None:
        suffixes, aliases = document["suffixes"], document["aliases"]
        for province, cities in document["provinces"].items():
            assert isinstance(cities, list)
            whole = (province, province if cities == [province] else "")
            for name in (f"{province}{suffixes.get(province, '省')}", province):
                self._places[name] = frozenset({whole})
            for city in cities:
                self._add_city(province, city)
        for alias, meant in aliases.items():
            self._places[alias] = self._places[str(meant)]

    def _add_city(self, province: str, city: str) -> None:
        place = frozenset({(province, city)})
        for suffix in _CITY_SUFFIXES:
            self._places.setdefault(f"{city}{suffix}", place)
        self._places.setdefault(city, place)

    def _add_districts(self, districts: Mapping[str, object]) -> None:
        for name, parents in districts.items():
            assert isinstance(parents, list)
            places = frozenset(place for parent in parents for place in self._places[parent])
            own = self._places.get(name, frozenset())
            self._places[name] = places | own
            self._places.setdefault(f"{name}区", places)


def read_region(gazetteer: Gazetteer, province: str, city: str, words: str) -> Region:
    """The region of a stated province and city, or else of free words such as an address."""
    return _remembered(gazetteer, province, city, words[:TEXT_LENGTH_MAX])


def load_gazetteer() -> Gazetteer:
    """The gazetteer that ships with the service."""
    text = resources.files("lead_intake.policies").joinpath("regions.yaml").read_text("utf-8")
    return Gazetteer(yaml.safe_load(text))


@lru_cache(maxsize=REMEMBERED_MAX)
def _remembered(gazetteer: Gazetteer, province: str, city: str, words: str) -> Region:
    if not province and not city:
        return gazetteer.resolve(words)
    stated = gazetteer.resolve(f"{province} {city}"[:TEXT_LENGTH_MAX])
    named, within = gazetteer.resolve(city[:TEXT_LENGTH_MAX]), gazetteer.resolve(province)
    if named.province and within.province and named.province != within.province:
        return _AMBIGUOUS
    return stated if stated.precision is not Precision.UNKNOWN else gazetteer.resolve(words)


def _tidied(text: str) -> str:
    return re.sub(r"[\s,/|·-]+", " ", unicodedata.normalize("NFKC", text))


def _narrowed(candidates: frozenset[Place], places: Iterable[Place]) -> frozenset[Place]:
    """The places inside of a candidate; words that fit none of them (a street's name) change nothing."""
    inside = frozenset(
        (province, city)
        for province, city in places
        if (province, city) in candidates or (province, "") in candidates
    )
    return inside or candidates


def _region(candidates: frozenset[Place]) -> Region:
    if not candidates:
        return _UNKNOWN
    if len(candidates) == 1:
        ((province, city),) = candidates
        return Region(province, city, Precision.CITY if city else Precision.PROVINCE)
    provinces = {province for province, _ in candidates}
    if len(provinces) > 1:
        return _AMBIGUOUS
    return Region(provinces.pop(), "", Precision.PROVINCE)
