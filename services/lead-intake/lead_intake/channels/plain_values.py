"""Transforms of single values: texts, ids, times, amounts. Each takes any decoded value and never raises."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

TEXT_LENGTH_MAX = 200
LONG_TEXT_LENGTH_MAX = 2000
FULL_TEXT_LENGTH_MAX = 400_000
DIGITS_MAX = 40
TIMES_REMEMBERED = 1024
INTEGER_MAX = 2**31 - 1
AMOUNT_MINOR_MAX = 10**15
CHINA = timezone(timedelta(hours=8))

FIRST_ACTIONS: Final = {
    "下载白皮书": "whitepaper",
    "预约演示": "book_demo",
    "填写报价单": "quote",
    "加微信": "add_wechat",
}
"""The first actions that people name in Chinese (IN-10)."""

STAGES: Final = {
    "初步接触": "first_contact",
    "需求确认": "needs_confirmed",
    "方案演示": "demonstrated",
    "价格谈判": "negotiating",
    "已签约": "signed",
}
"""The stages that people name in Chinese (IN-13)."""

_SLUG = re.compile(r"[a-z0-9_]{1,40}")
_ID = re.compile(r"[A-Za-z0-9_:-]{1,128}")
_COMPACT_TIME = re.compile(r"[0-9]{14}")
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,2}):(\d{2})(?:[.,]\d{1,3})?")
_TRUE_WORDS = frozenset({"true", "1", "yes", "y", "是"})
_STAGE_NAMES = frozenset(STAGES.values())
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_LATEST_S = _LATEST.timestamp()


def text(value: Any) -> str:
    """A short text: numbers are written out, a list gives its first element, everything else is empty."""
    if value is None:
        return ""
    return (value if type(value) is str else written(value))[:TEXT_LENGTH_MAX].strip()


def long_text(value: Any) -> str:
    """A text such as a URL or a remark, up to 2,000 characters."""
    return written(value)[:LONG_TEXT_LENGTH_MAX].strip()


def full_text(value: Any) -> str:
    """A text of any length that a delivery can have, such as a transcript; up to 400,000 characters."""
    return written(value)[:FULL_TEXT_LENGTH_MAX].strip()


def phones(value: Any) -> str:
    """Phone numbers as typed; those of a list are kept apart by `/`."""
    if type(value) is str:
        return value[:TEXT_LENGTH_MAX].strip()
    if isinstance(value, list):
        return "/".join(filter(None, map(text, value[:5])))
    return text(value)


def slug(value: Any) -> str:
    """A word of a closed vocabulary, such as `book_demo`; empty when it does not look like one."""
    word = text(value).lower().replace("-", "_").replace(" ", "_")
    return word if _SLUG.fullmatch(word) else ""


def first_action(value: Any) -> str:
    """A first action (IN-10) by its Chinese name or as a word; empty when it is neither."""
    if not value:
        return ""
    return FIRST_ACTIONS.get(text(value)) or slug(value)


def stage(value: Any) -> str:
    """A stage (IN-13) by its Chinese name or its own; empty for any other."""
    if not value:
        return ""
    word = text(value)
    return STAGES.get(word) or (word if word in _STAGE_NAMES else "")


def identifier(value: Any) -> str:
    """An id as text, whether it came as a number or as text; empty when it is neither."""
    found = written(value).strip()
    return found if _ID.fullmatch(found) else ""


def flag(value: Any) -> bool:
    """Whether a value says yes."""
    return value is True or written(value).strip().lower() in _TRUE_WORDS


def filled(value: Any) -> bool:
    """Whether a field that people never see was filled in."""
    return value not in (None, "", False, [], {})


def integer(value: Any) -> int | None:
    """A whole number from 0 to 2**31 - 1, as a number or in digits; None for everything else."""
    found = written(value).strip()
    if not (found.isascii() and found.isdecimal()) or len(found) > 10:
        return None
    number = int(found)
    return number if number <= INTEGER_MAX else None


def seconds(value: Any) -> int | None:
    """Whole seconds, given as a number of them or as `mm:ss` or `hh:mm:ss`; None for everything else."""
    if isinstance(value, float):
        return int(value) if 0 <= value <= INTEGER_MAX else None
    found = written(value)[:TEXT_LENGTH_MAX].strip()
    if clock := _CLOCK.fullmatch(found):
        hours, minutes, rest = (int(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + rest
    return integer(found.partition(".")[0])


def milliseconds(value: Any) -> int | None:
    """Whole seconds, given in milliseconds; None for everything else."""
    found = minor_units(value)
    return found // 1000 if found is not None and found // 1000 <= INTEGER_MAX else None


def minor_units(value: Any) -> int | None:
    """An amount in fen (or another smallest unit), given in it as a whole number; None for everything else."""
    found = written(value).strip()
    if not (found.isascii() and found.isdecimal()) or len(found) > 15:
        return None
    return int(found)


def yuan(value: Any) -> int | None:
    """An amount in fen, given in yuan as a decimal text with at most two places; None for everything else."""
    try:
        amount = Decimal(written(value).strip()) * 100
    except InvalidOperation:
        return None
    is_amount = amount.is_finite() and 0 <= amount <= AMOUNT_MINOR_MAX and amount == int(amount)
    return int(amount) if is_amount else None


def moment(value: Any) -> datetime | None:
    """A time of this century: ISO 8601 (China's zone where it names none), 14 digits, epoch seconds or milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_epoch(float(value))
    if not isinstance(value, str) or not value:
        return None
    found = value[:40].strip()
    if found.isascii() and found.isdecimal():
        return _of_digits(found)
    return _of_iso(found.replace("/", "-"))


def mail_date(value: Any) -> datetime | None:
    """A time as the header of a message writes it (RFC 5322)."""
    if not isinstance(value, str):
        return None
    try:
        return _plausible(parsedate_to_datetime(value[:80]))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def written(value: Any) -> str:
    """A text or a whole number as text, a list by its first element; empty for everything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return written(value[0]) if value and not isinstance(value[0], list) else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() < DIGITS_MAX * 3 else ""
    return ""


def _of_digits(digits: str) -> datetime | None:
    """A time in digits only: 14 are read as a date and a time, eight as a date, others as an epoch."""
    if _COMPACT_TIME.fullmatch(digits):
        return _of_iso(f"{digits[:8]}T{digits[8:]}")
    return _of_iso(digits) if len(digits) == 8 else _of_epoch(float(digits))


# A delivery says the same time in several places, and thousands of them come within one second.
@lru_cache(maxsize=TIMES_REMEMBERED)
def _of_iso(found: str) -> datetime | None:
    try:
        return _plausible(datetime.fromisoformat(found))
    except ValueError:
        return None


def _of_epoch(number: float) -> datetime | None:
    seconds = number / 1000 if number > _LATEST_S else number
    if not 0 <= seconds < _LATEST_S:
        return None
    return _plausible(datetime.fromtimestamp(seconds, tz=UTC))


def _plausible(found: datetime) -> datetime | None:
    try:
        zoned = found if found.tzinfo else found.replace(tzinfo=CHINA)
        moved = zoned.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return moved if _EARLIEST <= moved < _LATEST else None
