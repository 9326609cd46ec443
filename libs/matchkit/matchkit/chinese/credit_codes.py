"""Unified social credit codes of organisations (GB 32100): eighteen characters, the last a check.

The check is worked out here because python-stdnum, which the tests hold it against, takes a dozen times as long, and
every second record brings a code.
"""

import re
from functools import lru_cache
from operator import mul

from matchkit.chinese.script import fold

CODE_CHARACTERS = 18
DIGITS_FIRST = 8
"""The characters of authority, kind and region, which are digits."""


@lru_cache(maxsize=65536)
def read(raw: str) -> str | None:
    """The eighteen characters in upper case; None when their shape or check is wrong."""
    code = raw.upper()
    if len(code) != CODE_CHARACTERS or not code.isascii():
        code = fold(raw).replace(" ", "").replace("-", "").upper()
    return code if _is_valid(code) else None


def _is_valid(code: str) -> bool:
    """Whether the weighted values of all characters, the check's included, add up to a multiple of 31."""
    if _SHAPE.fullmatch(code) is None:
        return False
    total: int = sum(map(mul, code.encode().translate(_VALUES), _WEIGHTS))
    return total % 31 == 0


_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES = bytes(max(0, _CHARACTERS.find(chr(code))) for code in range(256))
_SHAPE = re.compile(
    f"[0-9]{{{DIGITS_FIRST}}}[{_CHARACTERS}]{{{CODE_CHARACTERS - DIGITS_FIRST}}}", re.ASCII
)
_WEIGHTS = (*(pow(3, place, 31) for place in range(CODE_CHARACTERS - 1)), 1)
