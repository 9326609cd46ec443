"""Reading a Chinese name that is written in Latin letters, in either order, joined, or with initials.

`Wei` is a surname as well as a given name, so a romanised name has several readings; all are kept.
"""

import re

from matchkit.chinese.surnames import pinyin_surnames, romanised_surnames
from matchkit.chinese.syllables import fold_latin, is_pinyin
from matchkit.chinese.titles import LATIN_TITLES

READINGS_MAX = 6
"""Most readings kept of one name."""

WORDS_MAX = 6
"""Most words looked at."""

Readings = tuple[tuple[str, str], ...]


def read_latin(text: str) -> tuple[str, Readings, bool] | None:
    """(sorted words, readings, whether the given name is an initial) of a folded text; None without any name."""
    surname_first = "," in text
    found = (fold_latin(each) for each in _WORD.findall(text)[:WORDS_MAX])
    words = [each for each in found if each and each not in LATIN_TITLES]
    full = [each for each in words if len(each) > 1]
    if not full:
        return None
    initials = [each for each in words if len(each) == 1]
    readings, has_initial = _readings(full, initials, surname_first=surname_first)
    return " ".join(sorted(full)), tuple(dict.fromkeys(readings))[:READINGS_MAX], has_initial


def _readings(
    full: list[str], initials: list[str], *, surname_first: bool
) -> tuple[list[tuple[str, str]], bool]:
    if len(full) == 1 and initials:
        return [(each, initials[0]) for each in romanised_surnames(full[0])], True
    if len(full) == 1:
        return _one_word(full[0]), False
    return _several_words(full, surname_first=surname_first), False


def _one_word(word: str) -> list[tuple[str, str]]:
    """A surname alone, or both parts written together in either order."""
    alone = [(each, "") for each in romanised_surnames(word)]
    return alone or _joined(word)


def _joined(word: str) -> list[tuple[str, str]]:
    cuts = [(word[:size], word[size:]) for size in range(len(word) - 1, 0, -1)]
    known = pinyin_surnames()
    forward = [(head, tail) for head, tail in cuts if head in known and is_pinyin(tail)]
    backward = [(tail, head) for head, tail in cuts if tail in known and is_pinyin(head)]
    return forward + backward


def _several_words(full: list[str], *, surname_first: bool) -> list[tuple[str, str]]:
    cuts = [(full[0], "".join(full[1:]))]
    if len(full) > 2:
        cuts.append((full[0] + full[1], "".join(full[2:])))
    if not surname_first:
        cuts.append((full[-1], "".join(full[:-1])))
        if len(full) > 2:
            cuts.append((full[-2] + full[-1], "".join(full[:-2])))
    complete = [
        (surname, given)
        for surname, given in cuts
        if surname in pinyin_surnames() and is_pinyin(given)
    ]
    return complete or _surname_known(cuts)


def _surname_known(cuts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A given name in another romanisation, or a Western one, says nothing of the Chinese given name."""
    return [(each, "") for surname, _ in cuts for each in romanised_surnames(surname)]


_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
