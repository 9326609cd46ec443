"""Strings of no particular meaning, in Latin or any other script: names abroad, streets, suburbs."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rapidfuzz.distance import OSA, JaroWinkler

from matchkit.kinds.kind import Kind, itself, whole

LEVELS = ("exact", "one_edit", "close", "similar", "differs")
# Winkler's own bands: spelling slips of one word stay above 0.92, words of one root above 0.80.
CLOSE, SIMILAR = 0.92, 0.80
ONE_EDIT_LENGTH_MIN = 4
SOUNDS = {
    letter: digit
    for digit, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), start=1)
    for letter in letters
}

_similarity = JaroWinkler.similarity
_edits = OSA.distance


def normalise(raw: str) -> str | None:
    """Compatibility form, lower case, single spaces; None when nothing is left."""
    if not raw.isascii():
        raw = unicodedata.normalize("NFKC", raw)
    return " ".join(raw.casefold().split()) or None


def compare(a: str, b: str) -> int:
    """Index into `LEVELS`; one edit counts only in words long enough for it to be a slip."""
    if a == b:
        return 0
    if min(len(a), len(b)) >= ONE_EDIT_LENGTH_MIN and _edits(a, b, score_cutoff=1) <= 1:
        return 1
    similarity = _similarity(a, b)
    if similarity >= CLOSE:
        return 2
    return 3 if similarity >= SIMILAR else 4


def first3(value: str) -> tuple[str, ...]:
    """The first three characters of a value that has them."""
    return (value[:3],) if len(value) >= 3 else ()


@lru_cache(maxsize=65_536)
def soundex(value: str) -> tuple[str, ...]:
    """The Soundex code of the first word (U.S. National Archives' rules); none for other scripts."""
    letters = [letter for letter in value.partition(" ")[0] if "a" <= letter <= "z"]
    if not letters:
        return ()
    code, last = letters[0], SOUNDS.get(letters[0])
    for letter in letters[1:]:
        sound = SOUNDS.get(letter)
        if sound is not None and sound != last:
            code += str(sound)
        if letter not in "hw":
            last = sound
    return (f"{code:0<4}"[:4],)


def words(value: str) -> tuple[str, ...]:
    """Each word of three characters or more, so that a lost or swapped word leaves the others."""
    return tuple(dict.fromkeys(word for word in value.split() if len(word) >= 3))


TEXT = Kind(
    name="text",
    levels=LEVELS,
    normalise=normalise,
    compare=compare,
    term=itself,
    parts={"value": whole, "first3": first3, "soundex": soundex, "words": words},
)
