"""Takes apart what was typed into a phone field: one part for each number, with plain digits and without words around.

Hidden decision: which words and signs stand between numbers, which merely around them, and which digits are meant by
signs that are not 0 to 9; whatever hides a digit becomes an asterisk. A letter that looks like a digit, or hides one,
stays where it is, so that the number is refused.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT_LENGTH_MAX = 200

SEPARATORS = re.compile(r"(?:[\s()[\].·\u2010-\u2015\u2212-]|(?<!_)_(?!_))+")

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0f\u20e3\ufeff]")
_CHINESE = "零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖洞拐"
_CHINESE_DIGITS = str.maketrans(_CHINESE, "0012345678912" + "123456789" + "07")
_CHINESE_RUN = re.compile(rf"[{_CHINESE}](?:[\s-]*[{_CHINESE}]){{6,}}")
_MIXED_RUN = re.compile(rf"\+?[0-9][0-9\s{_CHINESE}-]{{6,}}")
_MASKS = str.maketrans(dict.fromkeys("•●\u00d7○■□※\u2217\u204e✱", "*"))
_BETWEEN = re.compile(
    r"[/\\;、。|\n]|\s*,\s*(?=[+(]?\d[\d\s()-]{6,})|或者?|和|及|备用|另外?|座机|固话|手机|电话|微信|传真|whatsapp"
    r"|\band\b|\bor\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[^\d+(*?_]+")
_STANDS_FOR_A_DIGIT = re.compile(r"(?<![A-Za-z])[lIiOoxX#]+$")
_NOTE = re.compile(r"(?:[\s(:]*[^\W\d_A-Za-z]|[\s(:]+[A-Za-z])[^\d*]*$")


def parts_of(text: str) -> Iterator[str]:
    """The parts of a text that hold a number each, in their order; empty parts are left out."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    if not text.isascii():
        text = _CHINESE_RUN.sub(_plain_run, text).translate(_foreign_digits(text) | _MASKS)
    for part in _BETWEEN.split(text):
        if tidied := _tidied(part):
            yield tidied


def _tidied(part: str) -> str:
    label = _LABEL.match(part)
    if label and not _STANDS_FOR_A_DIGIT.search(label[0]):
        part = part[label.end() :]
    part = part.strip()
    if not part.isascii() and _MIXED_RUN.fullmatch(part):
        part = part.translate(_CHINESE_DIGITS)
    return part if part.isdecimal() else _NOTE.sub("", part).strip(" ,:!~")


def _plain_run(run: re.Match[str]) -> str:
    return run[0].translate(_CHINESE_DIGITS)


def _foreign_digits(text: str) -> dict[int, str]:
    """Digits of other scripts and in circles, that are in a text, with the plain ones."""
    return {
        ord(sign): str(unicodedata.digit(sign))
        for sign in text
        if not sign.isascii() and sign.isdigit()
    }
