"""Reads which province, city and district a customer named.

Hidden decision: words narrow the set of places that fit, from left to right; where several places still fit, none is
guessed. A name without its suffix is often a street's or a company's too (中山路, 朝阳大厦), so it counts only where no
such word follows, and a district's only beside the city that holds it, or when nothing else was said.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from lead_intake.domain.places import Method, Precision, Region
from lead_intake.normalising.divisions import load_divisions
from lead_intake.normalising.longest_match import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lead_intake.normalising.divisions import Division, Words

TEXT_LENGTH_MAX = 120
REMEMBERED_MAX = 8192
CANDIDATES_MAX = 10

_UNKNOWN = Region()
_BETWEEN = re.compile(
    r"[\s,、。;/|\\·\-—_()\[\]<>:>]+|或者?|市辖[区县]|(?:省|自治区)直辖县级行政区划"
)
_AND = frozenset({"和", "与", "及", "到", "至"})
_STREET = re.compile(
    r"[东南西北中]?[一二三四五]?(?:路|大?街|大道|巷|大厦|广场|村|镇|桥|里|银行|宾馆|饭店|酒店|公园|大学|站)"
)

Fitting: TypeAlias = "frozenset[Division]"
Span: TypeAlias = "tuple[int, int]"


class _Conflict(Exception):  # noqa: N818 - never leaves this module
    """Two cities were named."""

    def __init__(self, fitting: Fitting) -> None:
        super().__init__()
        self.fitting = fitting


class Gazetteer:
    """The places of China by name."""

    def __init__(
        self, by_code: Mapping[str, Division], words: Words, simplified: Mapping[int, int]
    ) -> None:
        self._by_code = by_code
        self._words = words
        self._simplified = simplified
        self._traditional = frozenset(map(chr, simplified))
        self._vocabulary = Vocabulary({*words.strong, *words.weak})

    def resolve(self, text: str) -> Region:
        """The one region that the words of `text` fit."""
        return self.resolve_all("", text)

    def resolve_all(self, stated: str, further: str) -> Region:
        """The region of what was stated, which further words may narrow but not contradict."""
        try:
            fitting = self._narrowed(frozenset(), stated, is_binding=True)
        except _Conflict as conflict:
            return _several(conflict.fitting)
        try:
            return _region(self._narrowed(fitting, further, is_binding=not fitting))
        except _Conflict as conflict:
            return _several(conflict.fitting)

    def with_code(self, code: str) -> Region:
        """The region of a GB/T 2260 code of 2, 4 or 6 digits; unknown when there is none."""
        division = self._by_code.get(code.ljust(6, "0"))
        return division.region if division is not None else _UNKNOWN

    def _narrowed(self, fitting: Fitting, text: str, *, is_binding: bool) -> Fitting:
        """The places among `fitting` that the words of a text fit; all that they fit where nothing did before.

        Raises `_Conflict` when a binding text names two cities in words that are nothing but places.
        """
        if not text or text.isspace():
            return fitting
        text = _tidied(text)
        if not self._traditional.isdisjoint(text):
            text = text.translate(self._simplified)
        spans = list(self._vocabulary.apart(text))
        chained = frozenset(_chained(text, spans))
        for start, end in spans:
            is_chained = (start, end) in chained
            found = self._found(text, start, end, fitting, is_chained=is_chained)
            inside = _inside(found, fitting) if fitting else found
            if inside:
                fitting = inside
            elif is_binding and is_chained and found:
                raise _Conflict(fitting | found)
        return fitting

    def _found(
        self, text: str, start: int, end: int, fitting: Fitting, *, is_chained: bool
    ) -> Fitting:
        """What a word means here."""
        word = text[start:end]
        if word not in self._words.full and _STREET.match(text, end):
            return frozenset()
        strong = self._words.strong.get(word, ())
        if not is_chained or (strong and not fitting):
            return frozenset(strong)
        return frozenset((*strong, *self._words.weak.get(word, ())))


def read_region(gazetteer: Gazetteer, province: str, city: str, words: str) -> Region:
    """The region of a stated province and city, narrowed by free words such as an address, or else of these alone."""
    return _remembered(gazetteer, province, city, words[:TEXT_LENGTH_MAX])


def with_hint(stated: Region, hint: Region) -> Region:
    """What was stated, closed in by a hint where nothing contradicts it; the region then says that it is by hint.

    A hint fills in what nobody said, gives a stated province its city, and decides between the places that an ambiguous
    text fits when just one of their cities is the hint's. It never overrides.
    """
    if not hint.city:
        return stated
    match stated.precision:
        case Precision.UNKNOWN:
            return hint
        case Precision.PROVINCE if stated.province == hint.province and not stated.candidates:
            return hint
        case Precision.AMBIGUOUS if _names_city(stated.candidates, hint):
            return hint
    return stated


def _names_city(candidates: tuple[str, ...], hint: Region) -> bool:
    fitting = [name for name in candidates if name.startswith(hint.province) and hint.city in name]
    return len(fitting) == 1


def load_gazetteer() -> Gazetteer:
    """The gazetteer that ships with the service."""
    return Gazetteer(*load_divisions())


@lru_cache(maxsize=REMEMBERED_MAX)
def _remembered(gazetteer: Gazetteer, province: str, city: str, words: str) -> Region:
    stated = f"{province[:TEXT_LENGTH_MAX]} {city[:TEXT_LENGTH_MAX]}"
    return gazetteer.resolve_all(stated, words)


def _tidied(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
    return _BETWEEN.sub(" ", text)


def _chained(text: str, spans: list[Span]) -> Iterator[Span]:
    """The words in those tokens of a text that are nothing but names of places."""
    token: list[Span] = []
    is_clean, before = True, 0
    for span in (*spans, (len(text), len(text))):
        gap = text[before : span[0]]
        if " " in gap or span[0] == len(text):
            if is_clean and not gap.partition(" ")[0]:
                yield from token
            token, is_clean = [], not gap.rpartition(" ")[2]
        elif gap:
            is_clean = is_clean and before > 0 and gap in _AND
        token.append(span)
        before = span[1]


def _inside(found: Fitting, fitting: Fitting) -> Fitting:
    """What was found inside of what fits; or what fits, where it lies inside of what was found."""
    return (
        frozenset([each for each in found if each.is_inside(fitting)])
        or found & fitting
        or frozenset([each for each in fitting if each.is_inside(found)])
    )


def _region(fitting: Fitting) -> Region:
    if not fitting:
        return _UNKNOWN
    outermost = frozenset([each for each in fitting if not each.is_inside(fitting)])
    if len(outermost) == 1:
        (division,) = outermost
        return division.region
    return _several(outermost)


def _several(fitting: Fitting) -> Region:
    """What several places have in common: their city, their province, or nothing."""
    shared = [
        outer[0]
        for outer in zip(*(each.around for each in fitting), strict=False)
        if all(first is second for first, second in pairwise(outer))
    ]
    names = tuple(sorted(each.full_name for each in fitting)[:CANDIDATES_MAX])
    common = shared[-1].region if shared else Region(precision=Precision.AMBIGUOUS)
    return Region(
        common.province,
        common.city,
        common.precision,
        province_code=common.province_code,
        city_code=common.city_code,
        method=Method.STATED,
        candidates=names,
    )
