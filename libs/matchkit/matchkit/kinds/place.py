"""Provinces and cities, whichever of their names is written."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from matchkit.chinese.places import find
from matchkit.kinds.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = ("same_city", "same_province", "other_city", "differs")
SAME_CITY, SAME_PROVINCE, OTHER_CITY, DIFFERS = range(len(LEVELS))

Value = tuple[str, str]
"""(province, city) by short names; the city is empty when only the province is known."""


@lru_cache(maxsize=4096)
def normalise(raw: str) -> Value | None:
    """The place that the text begins with; None for a text that begins with no Chinese place."""
    found = find(raw)
    return (found.province, found.city) if found else None


def compare(a: Value, b: Value) -> int:
    """Index into `LEVELS`; `same_province` when either city is unknown."""
    if a[0] != b[0]:
        return DIFFERS
    if not a[1] or not b[1]:
        return SAME_PROVINCE
    return SAME_CITY if a[1] == b[1] else OTHER_CITY


def term(value: Value) -> str | None:
    """The city, when it is known."""
    return value[1] or None


def _city(value: Value) -> Iterable[str]:
    return (value[1],) if value[1] else ()


def _province(value: Value) -> Iterable[str]:
    return (value[0],)


PLACE = Kind(
    name="place",
    levels=LEVELS,
    normalise=normalise,
    compare=compare,
    term=term,
    parts={"value": _city, "province": _province},
)
"""Part `value` is the city."""
