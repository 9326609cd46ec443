"""Reads the phone numbers that people type.

Hidden decision: the order in which a text is tried. A masked number is looked for before anything else, because the
phone library drops its asterisks and returns a wrong number; mainland mobiles are read by one expression; only what is
left goes to the library, which must call the number valid. Letters that look like digits are never taken for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import PhoneNumberType

from lead_intake.normalising.typed_digits import SEPARATORS, TEXT_LENGTH_MAX, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX_DIGITS_MAX = 7
SUFFIX_DIGITS_MAX = 4
CANDIDATE_DIGITS_MIN = 6

_PLAIN_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_COMMON_SEPARATORS = str.maketrans("", "", " -()")
_MASKED = re.compile(r"\+?([0-9]*)(?:[*]|[xX#?_]{2})[0-9*xX#?_]*")
_COUNTRY = re.compile(r"(?:\+?86|0086)(?=1[3-9]|0?[1-9])")
_MOBILE = re.compile(r"(?:\+?86|0086)?0?(1[3-9][0-9]{9})")
_ONE_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_MOBILES = re.compile(rf"(?:{_ONE_MOBILE.pattern}){{2,}}")
_MOBILE_ALONE = re.compile(r"(?<![0-9A-Za-z*+])1[3-9][0-9]{9}(?![0-9A-Za-z*])")
_HOTLINE = re.compile(r"[48]00[0-9]{7}")
_SHORT_CODE = re.compile(r"[0-9]{3,6}|106[0-9]{5,}")
_EXTENSION = re.compile(
    r"(.*?\d)[\s(]*(?:转接?|分机号?|内线|ext(?:ension)?\.?|[x#,])\s*[:.]?\s*([0-9]{1,6})\)?",
    re.IGNORECASE,
)
_DASHED_EXTENSION = re.compile(
    r"((?:\+?86[-\s]?)?\(?0?[0-9]{2,3}\)?[-\s]?[0-9]{7,8})\s*-\s*([0-9]{1,6})"
)
_DIALLED = re.compile(r"\+?[0-9]+")

_MOBILE_TYPES = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_HOTLINE_TYPES = frozenset(
    {PhoneNumberType.TOLL_FREE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN}
)


class PhoneKind(StrEnum):
    """What a number is. Only mobiles and landlines are a way to reach one person."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    HOTLINE = "hotline"
    SHORT_CODE = "short_code"
    MASKED = "masked"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """One number as read; `e164` is empty unless it is complete, `display` hides four digits at least.

    Of a masked one `masked` is the number with asterisks, `prefix` and `suffix` are the digits shown before and after
    them, at most 7 and 4.
    """

    kind: PhoneKind
    e164: str = ""
    extension: str = ""
    masked: str = ""
    display: str = ""
    prefix: str = ""
    suffix: str = ""

    def __repr__(self) -> str:
        return f"PhoneNumber({self.kind})"

    @property
    def is_complete(self) -> bool:
        """Whether a person can be called on it."""
        return self.kind in (PhoneKind.MOBILE, PhoneKind.LANDLINE)

    def could_be(self, e164: str) -> bool:
        """Whether a masked number may stand for this one: a candidate for a person to judge, never a match."""
        national = e164.removeprefix("+86")
        shown = len(self.prefix) + len(self.suffix)
        return (
            self.kind is PhoneKind.MASKED
            and CANDIDATE_DIGITS_MIN <= shown < len(national)
            and national.startswith(self.prefix)
            and national.endswith(self.suffix)
        )


def read_phones(text: str) -> tuple[PhoneNumber, ...]:
    """Every number in what was typed, in its order; numbers that nobody can call are kept by kind."""
    if _PLAIN_MOBILE.fullmatch(text):
        return (_mobile(text),)
    if text.isascii() and (found := _MOBILE.fullmatch(text.translate(_COMMON_SEPARATORS))):
        return (_mobile(found[1]),)
    parts = parts_of(text[:TEXT_LENGTH_MAX])
    return tuple(number for part in parts for number in _read_part(part))


def first_complete(numbers: tuple[PhoneNumber, ...]) -> PhoneNumber | None:
    """The first number on which a person can be called."""
    return next((number for number in numbers if number.is_complete), None)


def first_masked(numbers: tuple[PhoneNumber, ...]) -> PhoneNumber | None:
    """The first masked number."""
    return next((number for number in numbers if number.kind is PhoneKind.MASKED), None)


def _read_part(part: str) -> Iterable[PhoneNumber]:
    one = _read_one(part)
    if one.kind not in (PhoneKind.INVALID, PhoneKind.MASKED):
        return (one,)
    words = [_read_one(word) for word in part.split()]
    if len(words) > 1 and all(word.is_complete or word.masked for word in words):
        return words
    if one.masked:
        return (one,)
    if found := _MOBILES.fullmatch(SEPARATORS.sub("", part)):
        return [_mobile(digits) for digits in _ONE_MOBILE.findall(found[0])]
    return [_mobile(digits) for digits in _MOBILE_ALONE.findall(part)] or (one,)


def _read_one(part: str) -> PhoneNumber:
    dialled = SEPARATORS.sub("", part)
    if found := _MOBILE.fullmatch(dialled):
        return _mobile(found[1])
    if found := _MASKED.fullmatch(dialled):
        return _masked(found[1], dialled)
    if found := _DASHED_EXTENSION.fullmatch(part) or _EXTENSION.fullmatch(part):
        return _complete(SEPARATORS.sub("", found[1]), extension=found[2])
    if _HOTLINE.fullmatch(dialled):
        return PhoneNumber(PhoneKind.HOTLINE)
    if _SHORT_CODE.fullmatch(dialled):
        return PhoneNumber(PhoneKind.SHORT_CODE)
    return _complete(dialled, extension="")


def _complete(dialled: str, *, extension: str) -> PhoneNumber:
    """The number by the library's judgement; letters make it invalid, because the library would drop them."""
    if not _DIALLED.fullmatch(dialled):
        return PhoneNumber(PhoneKind.INVALID)
    if found := _MOBILE.fullmatch(dialled):
        return _mobile(found[1], extension=extension)
    try:
        number = phonenumbers.parse(dialled, "CN")
    except phonenumbers.NumberParseException:
        return PhoneNumber(PhoneKind.INVALID)
    kind = _kind_of(number)
    if kind in (PhoneKind.INVALID, PhoneKind.HOTLINE):
        return PhoneNumber(kind)
    national = phonenumbers.national_significant_number(number)
    e164 = f"+{number.country_code}{national}"
    return PhoneNumber(kind, e164, extension, display=_display(national))


def _kind_of(number: phonenumbers.PhoneNumber) -> PhoneKind:
    number_type = phonenumbers.number_type(number)
    if number_type == PhoneNumberType.UNKNOWN:  # the library's word for invalid
        return PhoneKind.INVALID
    if number_type in _HOTLINE_TYPES:
        return PhoneKind.HOTLINE
    return PhoneKind.MOBILE if number_type in _MOBILE_TYPES else PhoneKind.LANDLINE


def _mobile(digits: str, *, extension: str = "") -> PhoneNumber:
    display = f"{digits[:3]}****{digits[-4:]}"
    return PhoneNumber(PhoneKind.MOBILE, f"+86{digits}", extension, display=display)


def _masked(shown: str, dialled: str) -> PhoneNumber:
    """A masked number without its country, its hidden digits as asterisks."""
    country = _COUNTRY.match(dialled) if shown else None
    national = dialled[country.end() :] if country else dialled
    stars = re.sub(r"[^0-9+]", "*", national)
    prefix, suffix = stars.partition("*")[0].lstrip("+"), stars.rpartition("*")[2]
    return PhoneNumber(
        PhoneKind.MASKED,
        masked=stars[:40],
        display=f"{prefix[:3]}****{suffix[-4:]}",
        prefix=prefix.removeprefix("0")[:PREFIX_DIGITS_MAX],
        suffix=suffix[-SUFFIX_DIGITS_MAX:],
    )


def _display(national: str) -> str:
    """The ends of a number; at least four digits of it are hidden."""
    tail = min(4, max(0, len(national) - 4))
    head = min(3, max(0, len(national) - tail - 4))
    return f"{national[:head]}****{national[len(national) - tail :]}"
