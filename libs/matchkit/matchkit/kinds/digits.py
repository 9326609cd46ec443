"""Strings of digits whose slips are typing slips: house numbers, postcodes, social security numbers."""

from __future__ import annotations

import unicodedata

from rapidfuzz.distance import OSA

from matchkit.kinds.kind import Kind, itself, whole

LEVELS = ("exact", "one_slip", "differs")

_edits = OSA.distance


def normalise(raw: str) -> str | None:
    """The ASCII letters and digits of the value, upper case; None when it holds no digit."""
    if not raw.isascii():
        raw = unicodedata.normalize("NFKC", raw)
    kept = "".join(letter for letter in raw if letter.isascii() and letter.isalnum()).upper()
    return kept if any(letter.isdigit() for letter in kept) else None


def compare(a: str, b: str) -> int:
    """Equal, one digit typed wrong, lost, doubled or swapped with its neighbour, or different."""
    if a == b:
        return 0
    return 1 if _edits(a, b, score_cutoff=1) <= 1 else 2


def deletions(value: str) -> tuple[str, ...]:
    """The value without each of its characters: two values one slip apart share one of these."""
    return tuple({value[:at] + "_" + value[at + 1 :] for at in range(len(value))})


def first3(value: str) -> tuple[str, ...]:
    """The first three characters of a longer value."""
    return (value[:3],) if len(value) > 3 else ()


DIGITS = Kind(
    name="digits",
    levels=LEVELS,
    normalise=normalise,
    compare=compare,
    term=itself,
    parts={"value": whole, "deletions": deletions, "first3": first3},
)
