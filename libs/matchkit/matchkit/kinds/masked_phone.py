"""Telephone numbers with hidden digits: `138****1234`. They never complete and never equal one another.

A full number is read too, so that a field fed from both can tell a masked number that fits a full one
from one that contradicts it. Two full numbers say nothing here: that is the `phone` kind's to judge.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from matchkit.chinese.phone_numbers import is_mobile, read
from matchkit.chinese.script import fold
from matchkit.kinds.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = ("fits_full", "fits_masked", "incomparable", "differs")
FITS_FULL, FITS_MASKED, INCOMPARABLE, DIFFERS = range(len(LEVELS))

VISIBLE_DIGITS_MIN = 5
"""Fewer visible digits are no evidence."""

Masked = tuple[str, str]
"""(digits before the mask, digits after it); a full mobile has nothing before and eleven digits after."""


def normalise(raw: str) -> Masked | None:
    """The visible digits of a mobile; None when too few are visible or it is no mobile."""
    number = read(raw)
    if number is not None:
        return ("", number[3:]) if is_mobile(number) else None
    found = _SHAPE.fullmatch(fold(raw).replace(" ", "").replace("-", ""))
    if found is None or len(found[1]) + len(found[2]) < VISIBLE_DIGITS_MIN:
        return None
    return found[1], found[2]


def compare(a: Masked, b: Masked) -> int:
    """Index into `LEVELS`; symmetric."""
    if _is_full(a):
        return INCOMPARABLE if _is_full(b) else _fit_full(b, a[1])
    if _is_full(b):
        return _fit_full(a, b[1])
    fits = _overlap(a[0], b[0]) and _overlap(a[1][::-1], b[1][::-1])
    return FITS_MASKED if fits else DIFFERS


def _is_full(value: Masked) -> bool:
    return len(value[1]) == 11


def _fit_full(masked: Masked, digits: str) -> int:
    fits = digits.startswith(masked[0]) and digits.endswith(masked[1])
    return FITS_FULL if fits else DIFFERS


def _overlap(a: str, b: str) -> bool:
    size = min(len(a), len(b))
    return a[:size] == b[:size]


def _no_term(_value: Masked) -> str | None:
    return None


def _no_part(_value: Masked) -> Iterable[str]:
    return ()


_SHAPE = re.compile(r"(?:\+?86)?(1[0-9]{0,6})[*x#\u2022\u25cf]{2,8}([0-9]{0,6})")

MASKED_PHONE = Kind(
    name="masked_phone",
    levels=LEVELS,
    normalise=normalise,
    compare=compare,
    term=_no_term,
    parts={"none": _no_part},
)
"""It has no part worth the name: a masked number is never a key."""
