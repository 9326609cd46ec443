"""Reads which of the preset industries a customer named; the longest word of the lexicon found in a text decides.

Hidden decision: what breaks a tie. In a compound the last word names the trade (食品包装 is packaging), in an
enumeration the first part is the customer's main one. A word that is denied (不做软件) does not count.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from lead_intake.normalising.longest_match import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEXT_LENGTH_MAX = 80
REMEMBERED_MAX = 8192

_ENUMERATED = re.compile(r"[,、。;|\n]|以及|\band\b")
_BETWEEN_CHINESE = re.compile(
    r"(?<=[^\x00-\x7f])[\s/·&+-]+|[\s/·&+-]+(?=[^\x00-\x7f])|(?<=\w)/(?=\w)"
)
_DENIED = re.compile(r"(?:不是|并非|不做|不属于|除了?|非)(?:做|搞|从事)?$")


@dataclass(frozen=True, slots=True)
class IndustryReading:
    """What a text says: the tag, empty when no word explains the text; its GB/T 4754 codes; the word that decided."""

    tag: str = ""
    codes: tuple[str, ...] = ()
    word: str = ""


_NOTHING = IndustryReading()


class IndustryLexicon:
    """Preset industry tags by word, the tag itself being one of them.

    `tags` are the preset ones, `words` all that names an industry, `other` is the tag of an industry stated plainly
    that is none of the preset ones.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        industries, other = document["industries"], document["other"]
        self.tags = tuple(industries)
        self.other: str = other["tag"]
        self._readings: dict[str, IndustryReading] = {}
        for tag, entry in {self.other: other, **industries}.items():
            for word in (tag, *entry["words"]):
                codes = tuple(entry["codes"])
                self._readings[_key(word)] = IndustryReading(tag, codes, _key(word))
        for entry in industries.values():
            for phrase in entry.get("not", ()):
                self._readings.setdefault(_key(phrase), _NOTHING)
        self.words = tuple(word for word, reading in self._readings.items() if reading.tag)
        self._vocabulary = Vocabulary(self._readings)

    def read(self, text: str) -> IndustryReading:
        """What `text` says; nothing of it is guessed."""
        text = unicodedata.normalize("NFKC", text[:TEXT_LENGTH_MAX]).lower()
        best = _NOTHING
        for part in _ENUMERATED.split(text):
            in_part = _NOTHING
            for reading in self._found(_key(part)):
                if len(reading.word) >= len(in_part.word):
                    in_part = reading
            if len(in_part.word) > len(best.word):
                best = in_part
        return best

    def tag_of(self, text: str) -> str:
        """The tag that `text` means; empty when it means none."""
        return self.read(text).tag

    def _found(self, part: str) -> Iterator[IndustryReading]:
        for start, end in self._vocabulary.apart(part):
            if not _DENIED.search(part, 0, start):
                yield self._readings[part[start:end]]


def read_industry(lexicon: IndustryLexicon, text: str) -> str:
    """The tag of a stated industry; remembered, because few texts occur."""
    return _remembered(lexicon, text[:TEXT_LENGTH_MAX]) if text else ""


def load_lexicon() -> IndustryLexicon:
    """The lexicon that ships with the service."""
    text = resources.files("lead_intake.policies").joinpath("industries.yaml").read_text("utf-8")
    return IndustryLexicon(yaml.load(text, Loader=yaml.CSafeLoader))


@lru_cache(maxsize=REMEMBERED_MAX)
def _remembered(lexicon: IndustryLexicon, text: str) -> str:
    return lexicon.tag_of(text)


def _key(text: str) -> str:
    """A text as it is searched: signs between Chinese words mean nothing, spaces between Latin ones do."""
    return _BETWEEN_CHINESE.sub("", text.lower()).strip()
