"""One way of writing a character: full-width, traditional and invisible variants fold to one simplified form.

Folding works a character at a time through a table that fills itself, so a text costs one
`str.translate`; most texts fold to themselves, and one look tells so. OpenCC decides what the
simplified form of a character is.
"""

import re
import unicodedata
from functools import cache
from typing import Any

CHARACTERS_MAX = 512
"""Longest text that is looked at, in characters; a longer one is cut (features row ID-04 knows none above 60)."""

HAN_FIRST, HAN_LAST = "\u3400", "\u9fff"
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Mn", "Me"})


def fold(raw: str) -> str:
    """The text in NFKC, simplified Chinese and lower case, without control and bidi characters.

    White space becomes single blanks; the result may be empty.
    """
    text = raw[:CHARACTERS_MAX]
    if not text.isascii():
        if _plain().fullmatch(text):
            return text
        text = unicodedata.normalize("NFKC", text).translate(_FOLDED)
    elif not text.isprintable():
        text = text.translate(_FOLDED)
    return " ".join(text.lower().split())


def is_han(text: str) -> bool:
    """Whether every character is a Chinese one (CJK unified ideographs and extension A); False when empty."""
    return _ALL_HAN.fullmatch(text) is not None


def has_han(text: str) -> bool:
    """Whether any character is a Chinese one."""
    return not text.isascii() and _ANY_HAN.search(text) is not None


def words(text: str) -> tuple[str, ...]:
    """A list of words written as one text, as the tables of this package are."""
    return tuple(text.split())


class _Folding(dict[int, str]):
    """Code point to folded text, asked of Unicode and OpenCC the first time a character is met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _folded_character(chr(code))
        return folded


def _folded_character(character: str) -> str:
    if character.isspace():
        return " "
    if HAN_FIRST <= character <= HAN_LAST:
        return str(_converter().convert(character))
    return "" if unicodedata.category(character) in _INVISIBLE else character


@cache
def _plain() -> re.Pattern[str]:
    """Lower-case Latin letters, digits and simplified Chinese characters: what folds to itself, as a pattern."""
    every = [chr(code) for code in range(ord(HAN_FIRST), ord(HAN_LAST) + 1)]
    simplified = str(_converter().convert("\n".join(every))).split("\n")
    same = [one for one, other in zip(every, simplified, strict=True) if one == other]
    return re.compile(f"[a-z0-9{''.join(same)}]*")


@cache
def _converter() -> Any:
    """OpenCC's traditional to simplified conversion; loading it costs 20 ms, so it waits until a text needs it."""
    from opencc import OpenCC

    return OpenCC("t2s")


_FOLDED = _Folding()
_ANY_HAN = re.compile(f"[{HAN_FIRST}-{HAN_LAST}]")
_ALL_HAN = re.compile(f"[{HAN_FIRST}-{HAN_LAST}]+")
