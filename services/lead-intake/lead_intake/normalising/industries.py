"""Reads which of the preset industries a customer named; the longest word of the lexicon found in a text decides."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT_LENGTH_MAX = 80
REMEMBERED_MAX = 8192


class IndustryLexicon:
    """Preset industry tags by word. `industries` gives each tag its `words`; the tag itself is one of them."""

    def __init__(self, industries: Mapping[str, Mapping[str, Any]]) -> None:
        self.tags = tuple(industries)
        self._tag_by_word = {
            word.lower(): tag
            for tag, entry in industries.items()
            for word in (tag, *entry["words"])
        }
        longest_first = sorted(self._tag_by_word, key=len, reverse=True)
        # A lookahead finds words that overlap others, so that the longest one can win.
        self._words = re.compile("(?=(" + "|".join(map(re.escape, longest_first)) + "))")

    def tag_of(self, text: str) -> str:
        """The tag that `text` means; empty when it means none."""
        tidied = re.sub(r"[\s/·]+", "", unicodedata.normalize("NFKC", text).lower())
        spaced = unicodedata.normalize("NFKC", text).lower()
        found = self._words.findall(tidied) or self._words.findall(spaced)
        return self._tag_by_word[max(found, key=len)] if found else ""


def read_industry(lexicon: IndustryLexicon, text: str) -> str:
    """The tag of a stated industry; remembered, because few texts occur."""
    return _remembered(lexicon, text[:TEXT_LENGTH_MAX]) if text else ""


def load_lexicon() -> IndustryLexicon:
    """The lexicon that ships with the service."""
    text = resources.files("lead_intake.policies").joinpath("industries.yaml").read_text("utf-8")
    return IndustryLexicon(yaml.safe_load(text)["industries"])


@lru_cache(maxsize=REMEMBERED_MAX)
def _remembered(lexicon: IndustryLexicon, text: str) -> str:
    return lexicon.tag_of(text)
