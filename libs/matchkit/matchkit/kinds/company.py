"""Names of companies: legal forms, places, branches, abbreviations, both scripts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from rapidfuzz.distance import OSA

from matchkit.chinese.company_names import Company, read, sound
from matchkit.chinese.script import has_han, words
from matchkit.kinds.kind import UNSAID, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = (
    "exact",
    "same_brand",
    "other_branch",
    "abbreviation",
    "one_slip",
    "other_trade",
    "other_place",
    "differs",
)
"""`exact`: brand, and trade or place; `same_brand`: one name leaves the trade out, so that another firm may have it;
`other_trade` and `other_place`: both say it and they differ."""

EXACT, SAME_BRAND, OTHER_BRANCH, ABBREVIATION, ONE_SLIP, OTHER_TRADE, OTHER_PLACE, DIFFERS = range(
    len(LEVELS)
)

SLIP_CHARACTERS_MIN = 3
"""A name shorter than this that differs by one character is another name."""

SHORT_BRAND_CHARACTERS = 2

PUBLIC_MAIL = frozenset(
    words(
        "qq foxmail 163 126 yeah 188 139 189 wo sina sohu tom 21cn 263 aliyun alibaba-inc gmail googlemail hotmail "
        "outlook live msn yahoo ymail icloud me mac mail email proton protonmail gmx example"
    )
)
"""Domains at which anybody may have a mailbox."""

_REGISTRIES = frozenset(("com", "net", "org", "co", "gov", "edu", "ac"))
_LETTERS = re.compile("[a-z]{4,}")
_edits = OSA.distance


def term(value: Company) -> str | None:
    """The name without place and legal form."""
    return value[0]


def compare(a: Company, b: Company) -> int:
    """Index into `LEVELS`; symmetric."""
    if a[1] != b[1]:
        return _compare_other_brands(a, b)
    if a[2] and b[2] and a[2] != b[2]:
        return OTHER_PLACE
    if a[3] != b[3]:
        return OTHER_BRANCH
    if a[0] == b[0]:
        return EXACT if _says_enough(a, b) else SAME_BRAND
    if a[0] == a[1] or b[0] == b[1]:
        return SAME_BRAND
    return OTHER_TRADE


def told(
    a: Company | None, b: Company | None, accounts_a: Iterable[str], accounts_b: Iterable[str]
) -> int:
    """The level of two companies, different or not both named, by the domains of their people's mail.

    A firm's domain mostly spells its brand. A domain of both, or one that spells the other's brand,
    is worth as much as the brand.
    """
    domains_a, domains_b = _domains(accounts_a), _domains(accounts_b)
    brands_a, brands_b = _with_brand(domains_a, a), _with_brand(domains_b, b)
    if domains_a.isdisjoint(brands_b) and domains_b.isdisjoint(brands_a):
        return UNSAID if a is None or b is None else DIFFERS
    return SAME_BRAND


def _domains(accounts: Iterable[str]) -> set[str]:
    return {name for account in accounts if (name := _firm_of(account))}


def _with_brand(domains: set[str], company: Company | None) -> set[str]:
    return domains if company is None else {*domains, sound(company[1])}


@lru_cache(maxsize=8192)
def _firm_of(account: str) -> str:
    """The letters that a firm's mail domain begins with; empty for a public one and for a short one."""
    labels = account.rpartition("@")[2].split(".")[:-1]
    while len(labels) > 1 and labels[-1] in _REGISTRIES:
        labels.pop()
    found = _LETTERS.match(labels[-1]) if labels else None
    return "" if found is None or labels[-1] in PUBLIC_MAIL else found[0]


def _says_enough(a: Company, b: Company) -> bool:
    """Whether equal names are one firm's: a brand of two characters is many firms' by itself."""
    return a[0] != a[1] or len(a[0]) > SHORT_BRAND_CHARACTERS or a[2] == b[2] != ""


def _compare_other_brands(a: Company, b: Company) -> int:
    brand_a, brand_b = a[1], b[1]
    if _begins_with_place(a, b) or _begins_with_place(b, a):
        return SAME_BRAND if a[3] == b[3] else OTHER_BRANCH
    if has_han(brand_a) != has_han(brand_b):
        return SAME_BRAND if sound(brand_a) == sound(brand_b) else DIFFERS
    short, long = sorted((a[0], b[0]), key=len)
    if _is_slip(short, long) or _is_slip(brand_a, brand_b):
        return ONE_SLIP
    return ABBREVIATION if _abbreviates(short, long) else DIFFERS


def _begins_with_place(a: Company, b: Company) -> bool:
    """Whether what was read as the place of one name begins the other's brand (`青岛市南宁迪食品`, `南宁迪食品`)."""
    return bool(a[2]) and (a[2] + a[1] == b[1] or a[2] + a[0] == b[0])


def _is_slip(a: str, b: str) -> bool:
    if len(a) < SLIP_CHARACTERS_MIN or len(b) < SLIP_CHARACTERS_MIN:
        return False
    return _edits(a, b, score_cutoff=1) <= 1


def _abbreviates(short: str, long: str) -> bool:
    """Whether the short name picks characters of the long one in order, beginning with its first."""
    if len(short) < 2 or short[0] != long[0]:
        return False
    remaining = iter(long)
    return all(each in remaining for each in short)


def _value(value: Company) -> Iterable[str]:
    return (value[0],)


def _brand(value: Company) -> Iterable[str]:
    return (sound(value[1]),)


def _full(value: Company) -> Iterable[str]:
    return (f"{value[2]} {value[0]} {value[3]}",) if value[2] else ()


COMPANY = Kind(
    name="company",
    levels=LEVELS,
    normalise=read,
    compare=compare,
    term=term,
    parts={"value": _value, "brand": _brand, "full": _full},
    partial=frozenset((UNSAID, DIFFERS)),
    told=told,
)
"""Part `brand` is by sound and crosses scripts; `full` holds place, name and branch."""
