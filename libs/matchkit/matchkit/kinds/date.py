"""Days: `19560409`, `1956-04-09`, `1956/4/9`; kept as eight digits."""

from __future__ import annotations

import re

from rapidfuzz.distance import OSA

from matchkit.kinds.kind import Kind, itself, whole

LEVELS = ("exact", "one_slip", "day_month_swapped", "two_parts", "year", "differs")
SEPARATED = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ].*)?", re.ASCII)

_edits = OSA.distance


def normalise(raw: str) -> str | None:
    """Eight digits, year first; a day that no calendar has is kept, since a slip makes such days."""
    text = raw.strip()
    if len(text) == 8 and text.isascii() and text.isdigit():
        return text
    found = SEPARATED.fullmatch(text)
    if found is None:
        return None
    year, month, day = found.groups()
    return f"{year}{int(month):02}{int(day):02}"


def compare(a: str, b: str) -> int:
    """Index into `LEVELS`."""
    if a == b:
        return 0
    if _edits(a, b, score_cutoff=1) <= 1:
        return 1
    if a[:4] == b[:4] and a[4:6] == b[6:] and a[6:] == b[4:6]:
        return 2
    same = (a[:4] == b[:4]) + (a[4:6] == b[4:6]) + (a[6:] == b[6:])
    if same == 2:
        return 3
    return 4 if a[:4] == b[:4] else 5


def year(value: str) -> tuple[str, ...]:
    """The year."""
    return (value[:4],)


def month_day(value: str) -> tuple[str, ...]:
    """The month and the day, in either order of writing."""
    return ("".join(sorted((value[4:6], value[6:]))),)


DATE = Kind(
    name="date",
    levels=LEVELS,
    normalise=normalise,
    compare=compare,
    term=itself,
    parts={"value": whole, "year": year, "month_day": month_day},
)
