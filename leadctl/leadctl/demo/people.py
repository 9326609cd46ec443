"""Made-up people who ask for something: names, numbers and companies that belong to nobody.

Everything follows from the seed. Phones are of the pattern 1xx0013xxxx, one for each person; tax numbers are well
formed, check character included.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PEOPLE_MAX = 280_000
COMPANY_MARK = "示例"
CREDIT_CODE_PREFIX = "91440300"

_BLOCK = 10_000
_PREFIXES = tuple(f"1{second}{third}0013" for second in "3758" for third in "8967512")
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
_FIRST_SIGNS = "嘉思雨子梓欣浩俊佳宇若亦书清念"
_LAST_SIGNS = "轩涵彤睿琪妍航豪怡泽曦宁远舟禾"
_TRADES = ("精密", "联合", "启程", "恒信", "云帆", "百川", "立方", "远景", "华景", "同舟")
_CODE_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


@dataclass(frozen=True, slots=True)
class Place:
    """A city, and the ways in which people write it."""

    province: str
    city: str
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks. `phone` has 11 digits; `uscc` and `email` may be empty; `place` None is not told."""

    name: str
    phone: str
    company: str
    uscc: str
    email: str
    place: Place | None
    industry: str


def _place(province: str, city: str) -> Place:
    return Place(province, city, (f"{city}市", city, f"{province}省{city}市", f"{province} {city}"))


def _municipality(city: str) -> Place:
    return Place(city, city, (f"{city}市", city))


COVERED_PLACES = (
    _place("广东", "深圳"),
    _place("广东", "广州"),
    _place("广东", "东莞"),
    _place("广东", "佛山"),
    _municipality("上海"),
    _place("江苏", "苏州"),
    _place("浙江", "杭州"),
    _place("浙江", "宁波"),
    _municipality("北京"),
    _municipality("天津"),
    _place("四川", "成都"),
    _place("湖北", "武汉"),
)
UNCOVERED_PLACE = _place("海南", "三沙")

INDUSTRIES = (
    "机械装备",
    "精密零部件",
    "电子智能硬件",
    "医疗器械",
    "软件SaaS",
    "物流供应链",
    "教育培训",
)
"""What people write; each is one of the preset tags (AS-01)."""


def people(seed: int) -> Iterator[Person]:
    """Person after person, always the same for a seed, no two with one phone; `PEOPLE_MAX` at most."""
    chance = random.Random(seed)  # noqa: S311 - a demonstration must be the same at every run
    shift = chance.randrange(_BLOCK)
    for number in range(PEOPLE_MAX):
        yield _person(number, shift, chance)


def credit_code(number: int) -> str:
    """A well-formed unified social credit code (GB 32100-2015), another one for each number below 31^9."""
    digits: list[int] = []
    for _ in range(9):
        number, digit = divmod(number, 31)
        digits.append(digit)
    body = CREDIT_CODE_PREFIX + "".join(_CODE_SIGNS[digit] for digit in reversed(digits))
    weighed = sum(
        _CODE_SIGNS.index(sign) * weight for sign, weight in zip(body, _CODE_WEIGHTS, strict=True)
    )
    return body + _CODE_SIGNS[-weighed % 31]


def _person(number: int, shift: int, chance: random.Random) -> Person:
    block, place_in_block = divmod(number, _BLOCK)
    digits = (place_in_block * 7919 + shift) % _BLOCK
    luck = chance.random()
    return Person(
        name=chance.choice(_SURNAMES) + chance.choice(_FIRST_SIGNS) + chance.choice(_LAST_SIGNS),
        phone=f"{_PREFIXES[block]}{digits:04}",
        company=f"{COMPANY_MARK}{_signs(digits)}{chance.choice(_TRADES)}{chance.choice(INDUSTRIES)}有限公司",
        uscc=credit_code(71_000_003 + (block * _BLOCK + digits) * 104_729) if luck < 0.6 else "",
        email=f"buyer{block:02}{digits:04}@example.com" if luck > 0.4 else "",
        place=None if chance.random() < 0.03 else chance.choice(COVERED_PLACES),
        industry=chance.choice(INDUSTRIES),
    )


def _signs(number: int) -> str:
    """Two signs by which companies differ: a namesake at the same company would be the same customer."""
    return _FIRST_SIGNS[number % len(_FIRST_SIGNS)] + _LAST_SIGNS[number // 15 % len(_LAST_SIGNS)]
