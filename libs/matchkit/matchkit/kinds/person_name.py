"""Names of people: Chinese in either script, romanised, with titles, by surname alone or with an initial."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from rapidfuzz.distance import Levenshtein

from matchkit.chinese.person_names import Form, Name, read
from matchkit.chinese.romanised_names import Readings, read_latin
from matchkit.chinese.surnames import readings_of_commonest
from matchkit.kinds.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = (
    "exact",
    "same_pinyin",
    "homophone",
    "initial",
    "one_character",
    "rare_surname",
    "surname",
    "common_surname",
    "same_surname",
    "incomparable",
    "differs",
)
"""`same_pinyin` joins two scripts; `homophone` is the same sound in other characters, usually another person.
`rare_surname`, `surname` and `common_surname`: one side gives no more than the surname, and they agree in it;
`same_surname`: both give more, and differ in it."""

(
    EXACT,
    SAME_PINYIN,
    HOMOPHONE,
    INITIAL,
    ONE_CHARACTER,
    RARE_SURNAME,
    SURNAME,
    COMMON_SURNAME,
    SAME_SURNAME,
    INCOMPARABLE,
    DIFFERS,
) = range(len(LEVELS))


def term(value: Name) -> str | None:
    """The full name; None for a part of one."""
    return value[1] or None


def compare(a: Name, b: Name) -> int:
    """Index into `LEVELS`; symmetric."""
    if a[1] == b[1] and a[1]:
        return EXACT
    if a[0] == b[0] == Form.FULL:
        return _compare_full(a, b)
    if a[2] and b[2]:
        return _surname_level(a[3][0][0]) if a[2] == b[2] else DIFFERS
    return _compare_readings(a, b)


def told(a: Name, b: Name, accounts_a: Iterable[str], accounts_b: Iterable[str]) -> int:
    """The level of two names, one no more than a surname or an initial, by what their accounts spell.

    `张先生` whose mailbox is `zhang.wei` is as good as `Zhang Wei`. An account that spells another
    given name leaves no more than a common surname; one that spells none changes nothing.
    """
    level = compare(a, b)
    mine, theirs = _in_full(a, accounts_a), _in_full(b, accounts_b)
    if not mine or not theirs:
        return level
    return max(level, COMMON_SURNAME) if mine.isdisjoint(theirs) else SAME_PINYIN


def _in_full(name: Name, accounts: Iterable[str]) -> set[tuple[str, str]]:
    """Surname and given name as the name says them, or else as accounts under its surname do."""
    if name[0] != Form.INITIAL:
        said = {reading for reading in name[3] if reading[1]}
        if said:
            return said
    return {
        reading
        for account in accounts
        for reading in _spelt(account)
        if any(reading[0] == surname and reading[1].startswith(given) for surname, given in name[3])
    }


@lru_cache(maxsize=8192)
def _spelt(account: str) -> Readings:
    """The names that an account's letters may spell: `zhangwei1988`, `wei.zhang@firm.example`."""
    found = read_latin(_NO_LETTERS.sub(" ", account.partition("@")[0]))
    if found is None or found[2]:
        return ()
    return tuple(
        reading for reading in found[1] if reading[1] and reading[1] not in _FORMS_OF_ADDRESS
    )


def _surname_level(surname: str) -> int:
    if surname in _COMMONEST:
        return COMMON_SURNAME
    return SURNAME if surname in _COMMON else RARE_SURNAME


def _compare_full(a: Name, b: Name) -> int:
    if a[3][0] == b[3][0] or not set(a[3]).isdisjoint(b[3]):
        return HOMOPHONE
    given_a, given_b = a[1][len(a[2]) :], b[1][len(b[2]) :]
    if a[2] == b[2]:
        return ONE_CHARACTER if _is_slip(given_a, given_b) else SAME_SURNAME
    return ONE_CHARACTER if given_a == given_b and len(given_a) > 1 else DIFFERS


def _is_slip(a: str, b: str) -> bool:
    """Whether given names share a character: one of two mistyped, one left out, the two swapped."""
    return max(len(a), len(b)) > 1 and not set(a).isdisjoint(b)


def _compare_readings(a: Name, b: Name) -> int:
    if not a[3] or not b[3]:
        return _compare_foreign(a, b)
    has_initial = Form.INITIAL in (a[0], b[0])
    return min(_compare_reading(x, y, has_initial=has_initial) for x in a[3] for y in b[3])


def _compare_reading(a: tuple[str, str], b: tuple[str, str], *, has_initial: bool) -> int:
    if a[0] != b[0]:
        return DIFFERS
    if not a[1] or not b[1]:
        return _surname_level(a[0])
    if has_initial:
        return INITIAL if a[1][0] == b[1][0] else SAME_SURNAME
    if a[1] == b[1]:
        return SAME_PINYIN
    return ONE_CHARACTER if Levenshtein.distance(a[1], b[1], score_cutoff=1) < 2 else SAME_SURNAME


def _compare_foreign(a: Name, b: Name) -> int:
    """Two names outside pinyin compare by their letters; one beside a Chinese name says nothing."""
    if a[3] or b[3]:
        return INCOMPARABLE
    return ONE_CHARACTER if Levenshtein.normalized_similarity(a[1], b[1]) >= 0.85 else DIFFERS


def _surnames(value: Name) -> Iterable[str]:
    if len(value[3]) == 1:  # most surnames are read in one way, and six keys ask
        return (value[3][0][0],)
    return {surname for surname, _ in value[3]}


def _pinyin(value: Name) -> Iterable[str]:
    if value[0] == Form.INITIAL:
        return ()
    if len(value[3]) == 1:
        surname, given = value[3][0]
        return (f"{surname} {given}",) if given else ()
    return {f"{surname} {given}" for surname, given in value[3] if given}


def _initials(value: Name) -> Iterable[str]:
    return {f"{surname} {given[0]}" for surname, given in value[3] if given}


def _full(value: Name) -> Iterable[str]:
    """One sound of a full Chinese name, by which different people are counted."""
    return (" ".join(value[3][0]),) if value[0] == Form.FULL else ()


def _value(value: Name) -> Iterable[str]:
    return (value[1],) if value[1] else ()


_FORMS_OF_ADDRESS = frozenset(("zong", "gong", "laoshi", "jingli", "xiansheng", "nushi"))
_NO_LETTERS = re.compile(r"[^a-z]+")
# Each of over 4 % of all people: among five colleagues one fifth to two fifths have a namesake in surname.
_COMMONEST = readings_of_commonest(5)
_COMMON = readings_of_commonest(50)

PERSON_NAME = Kind(
    name="person_name",
    levels=LEVELS,
    normalise=read,
    compare=compare,
    term=term,
    parts={
        "value": _value,
        "surname": _surnames,
        "pinyin": _pinyin,
        "initials": _initials,
        "full": _full,
    },
    partial=frozenset((INITIAL, RARE_SURNAME, SURNAME, COMMON_SURNAME)),
    told=told,
)
"""Parts `surname`, `pinyin` and `initials` are toneless and cross scripts; several readings give several."""
