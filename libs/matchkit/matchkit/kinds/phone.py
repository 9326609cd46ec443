"""Telephone numbers; one slip in a mobile is a likely typing error, beside a switchboard it is a neighbour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rapidfuzz.distance import OSA

from matchkit.chinese.phone_numbers import is_mobile, read
from matchkit.kinds.kind import Kind, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = (
    "exact",
    "one_slip",
    "switchboard",
    "other_extension",
    "incomparable",
    "same_prefix",
    "differs",
)
"""`switchboard`: one landline, an extension missing on either side, so a firm's rather than a person's number.
`incomparable`: a mobile beside a landline; the same person may well have both."""

EXACT, ONE_SLIP, SWITCHBOARD, OTHER_EXTENSION, INCOMPARABLE, SAME_PREFIX, DIFFERS = range(
    len(LEVELS)
)

PREFIX_DIGITS = 7
"""Digits of a mobile that name its operator and place of issue."""

_edits = OSA.distance


def compare(a: str, b: str) -> int:
    """Index into `LEVELS`; symmetric."""
    a_mobile, b_mobile = is_mobile(a), is_mobile(b)
    if a_mobile is not b_mobile:
        return INCOMPARABLE
    return _compare_mobiles(a, b) if a_mobile else _compare_landlines(a, b)


def _compare_mobiles(a: str, b: str) -> int:
    if a == b:
        return EXACT
    if _edits(a, b, score_cutoff=1) <= 1:
        return ONE_SLIP
    return SAME_PREFIX if a[3 : 3 + PREFIX_DIGITS] == b[3 : 3 + PREFIX_DIGITS] else DIFFERS


def _compare_landlines(a: str, b: str) -> int:
    main_a, _, extension_a = a.partition(";")
    main_b, _, extension_b = b.partition(";")
    if main_a != main_b:
        return DIFFERS
    if not extension_a or not extension_b:
        return SWITCHBOARD if main_a.startswith("+86") else EXACT
    return EXACT if extension_a == extension_b else OTHER_EXTENSION


def _prefix7(value: str) -> Iterable[str]:
    return (value[3 : 3 + PREFIX_DIGITS],) if is_mobile(value) else ()


def _mobile(value: str) -> Iterable[str]:
    return (value,) if is_mobile(value) else ()


def _last4(value: str) -> Iterable[str]:
    return (value[-4:],) if is_mobile(value) else ()


def _switchboard(value: str) -> Iterable[str]:
    """A landline without its extension."""
    return () if is_mobile(value) else (value.partition(";")[0],)


def _deletions(value: str) -> Iterable[str]:
    """A mobile with each digit left out in turn; two that differ by one digit, or by a swap, share one."""
    if not is_mobile(value):
        return ()
    digits = value[3:]
    return {digits[:place] + digits[place + 1 :] for place in range(1, len(digits))}


PHONE = Kind(
    name="phone",
    levels=LEVELS,
    normalise=read,
    compare=compare,
    term=lambda value: value,
    parts={
        "value": whole,
        "switchboard": _switchboard,
        "prefix7": _prefix7,
        "mobile": _mobile,
        "last4": _last4,
        "deletions": _deletions,
    },
)
"""Part `value` holds the extension, `switchboard` does not; the others are of mobiles only."""
