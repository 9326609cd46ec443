"""Amounts of money as people write them: 10-30万, 20万以内, 500000."""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(亿|千万|百万|万|w|k|千)?", re.IGNORECASE)
_TIMES: Final = {
    "亿": 1e8, "千万": 1e7, "百万": 1e6, "万": 1e4, "w": 1e4, "千": 1e3, "k": 1e3,
}  # fmt: skip
_DIGITS_MAX = 15


def amount_of(text: str) -> float | None:
    """The amount in yuan that a text states; of a range the lower end, of a limit the limit; None without a number.

    The unit of a range is written once, behind its upper end: 10-30万 begins at 100,000.
    """
    found = _NUMBER.findall(text.replace(",", "").replace("\N{FULLWIDTH COMMA}", ""))
    if not found or len(found[0][0]) > _DIGITS_MAX:
        return None
    number, unit = found[0]
    if not unit and len(found) > 1:
        unit = found[1][1]
    return float(number) * _TIMES.get(unit.lower(), 1.0)
