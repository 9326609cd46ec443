"""Postal addresses: Chinese ones by their parts, others by their letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rapidfuzz.distance import Levenshtein

from matchkit.chinese.addresses import Address, read
from matchkit.kinds.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = ("exact", "same_door", "same_street", "same_district", "same_city", "differs")
EXACT, SAME_DOOR, SAME_STREET, SAME_DISTRICT, SAME_CITY, DIFFERS = range(len(LEVELS))

STREET_SIMILARITY_MIN = 0.75
"""Share of a street's characters that two spellings of it have in common at least."""


def term(value: Address) -> str | None:
    """City, district and street."""
    return f"{value[1]}{value[2]}{value[3]}" or None


def compare(a: Address, b: Address) -> int:
    """Index into `LEVELS`; symmetric."""
    if a[1] and b[1] and a[1] != b[1]:
        return DIFFERS
    if a[3] and b[3] and _same_street(a, b):
        return _compare_doors(a, b)
    if a[2] and a[2] == b[2]:
        return SAME_DISTRICT
    return SAME_CITY if a[1] and a[1] == b[1] else DIFFERS


def _same_street(a: Address, b: Address) -> bool:
    if a[2] and b[2] and a[2] != b[2]:
        return False
    if a[3] == b[3]:
        return True
    return Levenshtein.normalized_similarity(a[3], b[3]) >= STREET_SIMILARITY_MIN


def _compare_doors(a: Address, b: Address) -> int:
    if a[4] == b[4]:
        return EXACT if a[3] == b[3] and a[4] else SAME_DOOR
    shared = min(len(a[4]), len(b[4]))
    return SAME_DOOR if shared and a[4][:shared] == b[4][:shared] else SAME_STREET


def _street(value: Address) -> Iterable[str]:
    return (f"{value[1]}{value[3]}",) if value[3] else ()


def _door(value: Address) -> Iterable[str]:
    return (f"{value[1]}{value[3]} {value[4][0]}",) if value[3] and value[4] else ()


ADDRESS = Kind(
    name="address",
    levels=LEVELS,
    normalise=read,
    compare=compare,
    term=term,
    parts={"value": _door, "street": _street},
)
"""Part `value` is the street of a city with its first number."""
