"""Resident identity numbers (GB 11643): length, date of birth and check digit decide, the region does not.

The first six digits name the place that registered the holder, which need not have existed in the year of birth,
so a table of regions by year refuses numbers that are right. A number of fifteen digits is raised to eighteen.
"""

import re
from datetime import date

from stdnum.cn import ric

from matchkit.chinese.script import fold


def read(raw: str) -> str | None:
    """The eighteen characters, `X` in upper case; None when length, date or check digit are wrong."""
    number = fold(raw).replace(" ", "").replace("-", "").upper()
    if _OLD.fullmatch(number):
        number = _raised(number)
    if not _NEW.fullmatch(number) or not _is_date(number[6:14]):
        return None
    return number if _check_digit(number) == number[-1] else None


def _raised(number: str) -> str:
    """Fifteen digits as eighteen; only people born before 2000 hold such a number."""
    body = f"{number[:6]}19{number[6:]}"
    return body + _check_digit(f"{body}0")


def _check_digit(number: str) -> str:
    return str(ric.calc_check_digit(number))


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return "1880" <= digits[:4] <= "2100"


_OLD = re.compile(r"[1-9][0-9]{14}")
_NEW = re.compile(r"[1-9][0-9]{16}[0-9X]")
