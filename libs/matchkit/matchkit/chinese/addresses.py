"""Reading a postal address: province, city, district, street with the rest, and every number in it."""

import re
from functools import lru_cache

from matchkit.chinese.places import take
from matchkit.chinese.script import fold

NUMBERS_MAX = 8
"""Most numbers of an address that are compared."""


Address = tuple[str, str, str, str, tuple[str, ...]]
"""(province, city, district, street, numbers); parts not found are empty, the street holds what the others leave. A
plain tuple, which the garbage collector need not follow."""


@lru_cache(maxsize=16384)
def read(raw: str) -> Address | None:
    """The address in a text; None when nothing is left of it."""
    text = fold(raw)
    if not text.isalnum():
        text = _SEPARATOR.sub("", text.replace(" ", ""))
    text = text.removeprefix("中国")
    place, rest = take(text)
    rest = rest.removeprefix("市").removeprefix("省") if place else rest
    district = _DISTRICT.match(rest)
    rest = rest[district.end() :] if district else rest
    street, numbers = _street_and_numbers(rest)
    if place is None and not street and not district:
        return None
    province, city = place or ("", "")
    return province, city, district[1] if district else "", street, numbers


def _street_and_numbers(text: str) -> tuple[str, tuple[str, ...]]:
    plain = _ONE_NUMBER.fullmatch(text)
    if plain is not None:
        return plain[1], (plain[2],)
    numbers = tuple(_NUMBER.findall(text)[:NUMBERS_MAX])
    return _NUMBERED.sub("", text).strip("#"), numbers


_SEPARATOR = re.compile(r"[,\uff0c\u3002.;;、()\[\]\u3010\u3011/|-]")
_DISTRICT = re.compile("([\u4e00-\u9fff]{1,8}?)(?:新区|自治县|区|县|旗|市)")
_ONE_NUMBER = re.compile("([\u4e00-\u9fff]*)([0-9]+)号")
"""A street and one number: most addresses of firms."""
_NUMBER = re.compile(r"[0-9]+|[a-z](?=座|栋|区|幢|号)")
_NUMBERED = re.compile(
    r"(?:[0-9]+|[a-z](?=座|栋|区|幢|号))(?:号楼|号院|号|栋|幢|座|单元|楼|层|室|房|弄|#|f)?"
)
