"""Telephone numbers of mainland China in E.164, with an extension after `;ext=`; other countries pass when in E.164.

A mobile is 11 digits from 13 to 19; a landline has an area code of two to three digits after the 0 and seven
or eight digits; 400 and 800 numbers have ten. What is masked with stars or crosses is no number here.
"""

import re
from functools import lru_cache

from matchkit.chinese.script import fold

EXTENSION_DIGITS_MAX = 6

MOBILE_CHARACTERS = 14


@lru_cache(maxsize=4096)
def read(raw: str) -> str | None:
    """`+8613800138000` or `+8675512345678;ext=801`; None when masked, too short, too long or not a number."""
    mobile = _MOBILE.fullmatch(raw)
    if mobile is not None:
        return "+86" + "".join(mobile.groups())
    return _read_slowly(fold(raw))


def _read_slowly(text: str) -> str | None:
    if _MASK.search(text):
        return None
    found = _EXTENSION.search(text)
    number = None if found else _e164(text)
    if number is not None:
        return number
    found = found or _DASHED_EXTENSION.search(text)
    number = _e164(text[: found.start()]) if found else None
    return f"{number};ext={found[1]}" if found and number else None


def is_mobile(number: str) -> bool:
    """Whether a number from `read` is a mainland mobile, which one person carries."""
    return len(number) == MOBILE_CHARACTERS and number[:4] == "+861"


def _e164(text: str) -> str | None:
    digits = _NOT_DIGIT.sub("", text)
    if text.lstrip(" (").startswith("+") and not digits.startswith("86"):
        return f"+{digits}" if 8 <= len(digits) <= 15 else None
    national = _national(digits, trunk=text.lstrip(" (").startswith(("+", "00")))
    return f"+86{national}" if national else None


def _national(digits: str, *, trunk: bool) -> str | None:
    """The number without country code and trunk zero, when it has the shape of one."""
    digits = digits.removeprefix("00") if trunk else digits
    if digits.startswith("86") and len(digits) > 11:
        digits = digits[2:]
    digits = digits.lstrip("0")
    return digits if _NATIONAL.fullmatch(digits) else None


_MOBILE = re.compile(r"(?:(?:\+|00)?86[ -]?)?(1[3-9][0-9])[ -]?([0-9]{4})[ -]?([0-9]{4})")
_MASK = re.compile(r"[*#\u2022\u25cf]|x{2,}")
_EXTENSION = re.compile(rf"(?:;ext=|转|ext\.?|分机|x) ?([0-9]{{1,{EXTENSION_DIGITS_MAX}}})$")
_DASHED_EXTENSION = re.compile(r"-([0-9]{1,5})$")
_NOT_DIGIT = re.compile(r"[^0-9]")
_NATIONAL = re.compile(
    r"1[3-9][0-9]{9}|[48]00[0-9]{7}|10[0-9]{8}|2[0-9]{9}|[3-9][0-9]{2}[0-9]{7,8}"
)
