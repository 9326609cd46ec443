"""Looks for people of the plan in what the system wrote: no phone, name, company, tax number or e-mail may be there."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadctl.demo.people import COMPANY_MARK, CREDIT_CODE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from leadctl.demo.people import Person

_GAP = r"[\s().\-\u00a0\u200b]{0,3}"
# Begins with a literal, which the engine finds fast; what stands before it is looked at afterwards.
_PHONE = re.compile(rf"(1(?:(?<!\d1)|(?<=861)|(?<=\D01)|(?<=^01))(?:{_GAP}\d){{10}})(?!\d)")
_CREDIT_CODE = re.compile(rf"{CREDIT_CODE_PREFIX}[0-9A-Za-z]{{10}}")
_EMAIL = re.compile(r"[\w.]+@[\w.]+\w")
_HAN = re.compile(r"[\u4e00-\u9fff]{3,}")
_COMPANY = re.compile(rf"{COMPANY_MARK}\w{{2,12}}有限公司")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_CHINESE_DIGITS = str.maketrans("零一二三四五六七八九", "0123456789")
_NAME_LENGTH = 3


@dataclass(frozen=True, slots=True)
class Leak:
    """Where somebody's data were found, and which; the value itself is not repeated."""

    file: str
    line: int
    what: str


class Samples:
    """The personal data of some people, to be recognised in any text."""

    def __init__(self, people: Iterable[Person]) -> None:
        known = list(people)
        self._phones = {person.phone for person in known}
        self._names = {person.name for person in known}
        self._codes = {person.uscc for person in known}
        self._emails = {person.email for person in known}

    def found_in(self, text: str) -> set[str]:
        """Which kinds of data of the people a text holds, in plain, escaped or full-width writing."""
        if "\\u" in text:
            text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text)
            text = text.translate(_CHINESE_DIGITS)
        checks = {
            "phone": any(_digits(found) in self._phones for found in _PHONE.findall(text)),
            "tax number": any(found.upper() in self._codes for found in _CREDIT_CODE.findall(text)),
            "e-mail": "@" in text and any(e.lower() in self._emails for e in _EMAIL.findall(text)),
            "company": _COMPANY.search(text) is not None,
            "name": any(part in self._names for part in _parts_of_names(text)),
        }
        return {what for what, is_there in checks.items() if is_there}


def leaks(samples: Samples, folders: Iterable[Path]) -> list[Leak]:
    """Every line of every file under the folders that holds data of the people."""
    return [leak for folder in folders for leak in _leaks_under(samples, folder)]


def _leaks_under(samples: Samples, folder: Path) -> Iterator[Leak]:
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                for what in sorted(samples.found_in(line)):
                    yield Leak(file.name, number, what)


def _digits(spelled: str) -> str:
    return "".join(sign for sign in spelled if sign.isdecimal())


def _parts_of_names(text: str) -> Iterator[str]:
    for run in () if text.isascii() else _HAN.findall(text):
        for start in range(len(run) - _NAME_LENGTH + 1):
            yield run[start : start + _NAME_LENGTH]
