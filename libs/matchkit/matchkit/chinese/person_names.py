"""Reading what people type into a name field: honorifics, departments, order, script, masking.

`read` answers one of four forms of name, or nothing when the text names nobody: a full Chinese name, a
surname alone, a full Latin name, a surname with an initial.
"""

import re
from enum import IntEnum
from functools import lru_cache

from matchkit.chinese.endings import ending
from matchkit.chinese.romanised_names import Readings, read_latin
from matchkit.chinese.script import fold, has_han, is_han
from matchkit.chinese.surnames import (
    COMPOUND_SURNAMES,
    SINGLE_SURNAMES,
    surname_length,
    surname_readings,
)
from matchkit.chinese.syllables import romanised
from matchkit.chinese.titles import (
    FAMILIAR,
    NOBODY,
    ROLES_BY_START,
    SHORT_TITLES,
    TITLES,
    TITLES_BY_END,
    UNIT_ENDINGS,
)

NAME_CHARACTERS_MAX = 4
"""Longest Chinese name without a middle dot; a compound surname allows one more."""


class Form(IntEnum):
    """How much of a name is written, and in which script."""

    FULL = 0
    SURNAME = 1
    LATIN = 2
    INITIAL = 3


Name = tuple[int, str, str, Readings]
"""(form, text, Chinese surname, readings); text is the Chinese characters, or the folded Latin words sorted,
or empty; a reading is (surname, given name or initial) in toneless pinyin, either part empty when unknown."""


def read(raw: str) -> Name | None:
    """The name in a text, or None when it names nobody (empty, a title alone, digits, `匿名`)."""
    text = fold(raw)
    if _PLAIN.fullmatch(text) and text[:2] not in COMPOUND_SURNAMES:
        return _full(text, 1)
    if text in NOBODY or "@" in text:
        return None
    if is_han(text):
        return _from_token(text)
    return _read_han(text) if has_han(text) else _from_latin(text)


def _full(text: str, surname_characters: int) -> Name:
    surname = text[:surname_characters]
    given = romanised(text[surname_characters:])
    readings = surname_readings(surname)
    if len(readings) == 1:
        return (_FULL, text, surname, ((readings[0], given),))
    return (_FULL, text, surname, tuple((each, given) for each in readings))


@lru_cache(maxsize=4096)
def _surname_alone(surname: str) -> Name:
    return (_SURNAME, "", surname, tuple((each, "") for each in surname_readings(surname)))


def _read_han(text: str) -> Name | None:
    if "·" in text:
        dotted = _dotted(text)
        if dotted is not None:
            return dotted
    tokens = _HAN_RUN.findall(_without_brackets(text))
    if len(tokens) == 2 and len(text) <= 6:
        spaced = _spaced(tokens[0], tokens[1])
        if spaced is not None:
            return spaced
    return _best([_from_token(each) for each in tokens])


def _dotted(text: str) -> Name | None:
    """A name of a people that writes a middle dot: compared by its whole text, its first part standing as surname."""
    parts = [each for each in text.split("·") if is_han(each)]
    if len(parts) < 2:
        return None
    given = romanised("".join(parts[1:]))
    return (Form.FULL, "".join(parts), parts[0], ((romanised(parts[0]), given),))


def _without_brackets(text: str) -> str:
    outside = _BRACKETED.sub(" ", text)
    return outside if has_han(outside) else text


def _spaced(first: str, second: str) -> Name | None:
    """`张 伟` and `伟 张` are one name; a second word that is a title is none."""
    if second in TITLES or second in SHORT_TITLES or len(first) + len(second) > NAME_CHARACTERS_MAX:
        return None
    if _is_surname(first):
        return _full(first + second, len(first))
    return _full(second + first, len(second)) if _is_surname(second) else None


def _is_surname(text: str) -> bool:
    return text in SINGLE_SURNAMES or text in COMPOUND_SURNAMES


def _best(names: list[Name | None]) -> Name | None:
    found = [each for each in names if each is not None]
    return min(found, key=lambda name: name[0], default=None)


def _from_token(token: str) -> Name | None:
    if token in NOBODY or token.endswith(UNIT_ENDINGS):
        return None
    bare = _without_short_title(_without_titles(_without_role(token)))
    if len(bare) > 1 and bare[0] in FAMILIAR and _is_surname(bare[1:]):
        return _surname_alone(bare[1:])
    bare = bare.split("某")[0]
    if len(bare) == 2 and bare[0] in FAMILIAR:
        return None
    if _is_surname(bare):
        return _surname_alone(bare)
    surname_characters = surname_length(bare)
    if len(bare) < 2 or len(bare) > max(NAME_CHARACTERS_MAX, surname_characters + 3):
        return None
    return _full(bare, surname_characters)


def _without_role(token: str) -> str:
    for role in ROLES_BY_START.get(token[:2], ()):
        if token.startswith(role) and len(token) > len(role):
            return token[len(role) :]
    return token


def _without_titles(token: str) -> str:
    characters = ending(token, TITLES_BY_END)
    return token[:-characters] if characters else token


def _without_short_title(token: str) -> str:
    bare = token[:-1]
    if token[-1:] not in SHORT_TITLES or not bare:
        return token
    if token[-1] in "总哥姐" and len(bare) > 1 and bare[0] in SINGLE_SURNAMES:
        return bare
    return bare if _is_surname(bare.lstrip("老小大阿")) else token


def _from_latin(text: str) -> Name | None:
    parsed = read_latin(_BRACKETED.sub(" ", text) or text)
    if parsed is None:
        return None
    words, readings, has_initial = parsed
    if has_initial:
        return (Form.INITIAL, "", "", readings)
    if readings and not any(given for _, given in readings) and " " not in words:
        return (Form.SURNAME, "", "", readings)
    return (Form.LATIN, words, "", readings)


_FULL, _SURNAME = int(Form.FULL), int(Form.SURNAME)
_MAYBE_TITLE = SHORT_TITLES | {title[-1] for title in TITLES}
_PLAIN = re.compile(
    f"[{''.join(SINGLE_SURNAMES)}](?!.?某)[\u3400-\u9fff]?[\u3400-\u9fff](?<![{''.join(_MAYBE_TITLE)}])"
)
"""Two or three Chinese characters, of which the first is a surname and the last ends no title: most names."""
_HAN_RUN = re.compile("[\u3400-\u9fff]+")
_BRACKETED = re.compile(r"[(\[{<\u3010\u300c\u300e\u300a].*?(?:[)\]}>\u3011\u300d\u300f\u300b]|$)")
