"""Reads the phone numbers that people type.

Hidden decision: the order in which a text is tried. A masked number is looked for before anything else, because the
phone library drops its asterisks and returns a wrong number; mainland mobiles are read by one expression; only what is
left goes to the library, which must call the number valid.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

TEXT_LENGTH_MAX = 200

_PLAIN_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_CHINESE_DIGITS = str.maketrans("零〇一二三四五六七八九幺两", "0012345678912")
_CHINESE_NUMBER = re.compile("[零〇一二三四五六七八九幺两]{7,}")
_BETWEEN = re.compile(
    r"[/;\uff1b\u3001\uff0c|\n]|\s*,\s*(?=[+(]?\d[\d\s()-]{6,})|或者|或|和|及|\band\b|\bor\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^[^\d+(*•●\u00d7]+")
_MASKED = re.compile(r"[\d\s()+-]*\d[\s()-]*(?:[*•●\u00d7]+|[xX]{2,})[\s()-]*[\d*•●\u00d7xX\s()-]*")
_SEPARATORS = re.compile(r"[\s().·_\u2010-\u2015-]+")
_MOBILE = re.compile(r"(?:\+?86|0086)?0?(1[3-9][0-9]{9})")
_TWO_MOBILES = re.compile(r"(?<!\d)1[3-9][0-9]{9}(?!\d)")
_HOTLINE = re.compile(r"[48]00[0-9]{7}")
_SHORT_CODE = re.compile(r"[0-9]{3,6}|106[0-9]{5,}")
_EXTENSION = re.compile(
    r"(.*?\d)\s*(?:转|分机|ext(?:ension)?\.?|[x#,])\s*[:.]?\s*([0-9]{1,6})", re.IGNORECASE
)
_DASHED_EXTENSION = re.compile(r"(\(?0[0-9]{2,3}\)?[-\s]?[0-9]{7,8})\s*-\s*([0-9]{1,6})")
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
    """One number as read. `e164` is empty unless it is complete; `display` shows at most seven digits."""

    kind: PhoneKind
    e164: str = ""
    extension: str = ""
    masked: str = ""
    display: str = ""

    def __repr__(self) -> str:
        return f"PhoneNumber({self.kind})"

    @property
    def is_complete(self) -> bool:
        """Whether a person can be called on it."""
        return self.kind in (PhoneKind.MOBILE, PhoneKind.LANDLINE)


def read_phones(text: str) -> tuple[PhoneNumber, ...]:
    """Every number in what was typed, in its order; numbers that nobody can call are kept by kind."""
    if _PLAIN_MOBILE.fullmatch(text):
        return (_mobile(text),)
    text = _INVISIBLE.sub("", text[:TEXT_LENGTH_MAX])
    parts = (_tidied(part) for part in _BETWEEN.split(text))
    return tuple(number for part in parts if part for number in _read_part(part))


def first_complete(numbers: tuple[PhoneNumber, ...]) -> PhoneNumber | None:
    """The first number on which a person can be called."""
    return next((number for number in numbers if number.is_complete), None)


def first_masked(numbers: tuple[PhoneNumber, ...]) -> PhoneNumber | None:
    """The first masked number."""
    return next((number for number in numbers if number.kind is PhoneKind.MASKED), None)


def _tidied(part: str) -> str:
    part = unicodedata.normalize("NFKC", part)
    if _CHINESE_NUMBER.search(part):
        part = part.translate(_CHINESE_DIGITS)
    return _LABEL.sub("", part).strip()


def _read_part(part: str) -> list[PhoneNumber]:
    if _MASKED.fullmatch(part):
        return [_masked(part)]
    several = _TWO_MOBILES.findall(part)
    if len(several) > 1:
        return [_mobile(digits) for digits in several]
    return [_read_one(part)]


def _read_one(part: str) -> PhoneNumber:
    dialled = _SEPARATORS.sub("", part)
    if found := _MOBILE.fullmatch(dialled):
        return _mobile(found[1])
    if found := _DASHED_EXTENSION.fullmatch(part) or _EXTENSION.fullmatch(part):
        return _complete(_SEPARATORS.sub("", found[1]), extension=found[2])
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
        return _mobile(found[1])
    try:
        number = phonenumbers.parse(dialled, "CN")
    except phonenumbers.NumberParseException:
        return PhoneNumber(PhoneKind.INVALID)
    if not phonenumbers.is_valid_number(number):
        return PhoneNumber(PhoneKind.INVALID)
    kind = _kind_of(number)
    if kind is PhoneKind.HOTLINE:
        return PhoneNumber(kind)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    national = phonenumbers.national_significant_number(number)
    return PhoneNumber(kind, e164, extension, display=_display(national))


def _kind_of(number: phonenumbers.PhoneNumber) -> PhoneKind:
    number_type = phonenumbers.number_type(number)
    if number_type in _HOTLINE_TYPES:
        return PhoneKind.HOTLINE
    return PhoneKind.MOBILE if number_type in _MOBILE_TYPES else PhoneKind.LANDLINE


def _mobile(digits: str) -> PhoneNumber:
    return PhoneNumber(PhoneKind.MOBILE, f"+86{digits}", display=f"{digits[:3]}****{digits[-4:]}")


def _masked(part: str) -> PhoneNumber:
    head, tail = re.match(r"\D*([\d]*)", part), re.search(r"([\d]*)\D*$", part)
    shown_head = head[1][:3] if head else ""
    shown_tail = tail[1][-4:] if tail else ""
    return PhoneNumber(PhoneKind.MASKED, masked=part[:40], display=f"{shown_head}****{shown_tail}")


def _display(national: str) -> str:
    return f"{national[:3]}****{national[-4:]}"
