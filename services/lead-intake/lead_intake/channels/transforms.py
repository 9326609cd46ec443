"""The named transforms that a channel file may apply to a value; each takes any decoded JSON value and never raises."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TEXT_LENGTH_MAX = 200
LONG_TEXT_LENGTH_MAX = 2000
DIGITS_MAX = 40
CHINA = timezone(timedelta(hours=8))

_SLUG = re.compile(r"[a-z0-9_]{1,40}")
_ID = re.compile(r"[A-Za-z0-9_:-]{1,128}")
_TRUE_WORDS = frozenset({"true", "1", "yes", "y"})
_DUMMY_PREFIX = "<test lead:"
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST_S = 253_402_300_799


def text(value: Any) -> str:
    """A short text: numbers are written out, a list gives its first element, everything else is empty."""
    if value is None:
        return ""
    return (value if type(value) is str else _written(value))[:TEXT_LENGTH_MAX].strip()


def long_text(value: Any) -> str:
    """A text such as a URL, up to 2,000 characters."""
    return _written(value)[:LONG_TEXT_LENGTH_MAX].strip()


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


def identifier(value: Any) -> str:
    """An id as text, whether it came as a number or as text; empty when it is neither."""
    written = _written(value).strip()
    return written if _ID.fullmatch(written) else ""


def flag(value: Any) -> bool:
    """Whether a value says yes."""
    return value is True or _written(value).strip().lower() in _TRUE_WORDS


def filled(value: Any) -> bool:
    """Whether a field that people never see was filled in."""
    return value not in (None, "", False, [], {})


def moment(value: Any) -> datetime | None:
    """A time in ISO 8601 (China's time zone where it names none) or in epoch seconds or milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_epoch(float(value))
    if not isinstance(value, str) or not value:
        return None
    try:
        found = datetime.fromisoformat(value[:40].strip())
    except ValueError:
        return _of_epoch(float(value)) if value.isascii() and value.isdecimal() else None
    return _plausible(found if found.tzinfo else found.replace(tzinfo=CHINA))


def name_value_pairs(value: Any) -> dict[str, Any]:
    """`[{name, values: [...]}]` as a dictionary of each name's values; the first of equal names stays."""
    pairs: dict[str, Any] = {}
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            pairs.setdefault(entry["name"].lower(), entry.get("values", entry.get("value")))
    return pairs


def facebook_dummy(value: Any) -> bool:
    """Whether prepared answers are those of Facebook's lead testing tool."""
    if not isinstance(value, dict):
        return False
    return any(text(answer).lower().startswith(_DUMMY_PREFIX) for answer in value.values())


TRANSFORMS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": text,
    "long_text": long_text,
    "phones": phones,
    "slug": slug,
    "identifier": identifier,
    "flag": flag,
    "filled": filled,
    "moment": moment,
    "name_value_pairs": name_value_pairs,
    "facebook_dummy": facebook_dummy,
}


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _written(value[0]) if value and not isinstance(value[0], list) else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() < DIGITS_MAX * 3 else ""
    return ""


def _of_epoch(seconds: float) -> datetime | None:
    if seconds > _LATEST_S / 10:
        seconds /= 1000
    if not 0 <= seconds < _LATEST_S:
        return None
    return _plausible(datetime.fromtimestamp(seconds, tz=UTC))


def _plausible(found: datetime) -> datetime | None:
    try:
        found = found.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return found if found >= _EARLIEST else None
