"""Words in what was said: found whatever the width and case of their letters, with where they stand."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where something stands in a text: its first character from 0, and how many there are."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Near:
    """One of some words near another: with at most `within` characters between the anchor and it (FU-24)."""

    anchor: str
    within: int
    words: tuple[str, ...]


class Text:
    """A text made comparable, which still knows where each character stood in the original."""

    def __init__(self, original: str) -> None:
        folded, places = [], []
        for place, character in enumerate(original):
            for letter in comparable(character):
                folded.append(letter)
                places.append(place)
        self.folded = "".join(folded)
        self._places = places

    def spans_of(self, word: str) -> Iterator[Span]:
        """Where a comparable word stands, overlapping or not."""
        start = self.folded.find(word)
        while start >= 0:
            yield self._span(start, start + len(word))
            start = self.folded.find(word, start + 1)

    def spans_near(self, near: Near) -> Iterator[Span]:
        """Where an anchor stands with one of the words near it: from the first character of both to the last."""
        size = len(near.anchor)
        start = self.folded.find(near.anchor)
        while start >= 0:
            found = self._nearest(near, start, start + size)
            if found is not None:
                yield self._span(min(start, found[0]), max(start + size, found[1]))
            start = self.folded.find(near.anchor, start + 1)

    def _nearest(self, near: Near, start: int, end: int) -> tuple[int, int] | None:
        """The place of the word nearest to an anchor that stands from `start` to `end`; None where none is near."""
        found: list[tuple[int, int, int]] = []
        for word in near.words:
            first = max(0, start - near.within - len(word))
            before = self.folded.rfind(word, first, start)
            if before >= 0:
                found.append((start - before - len(word), before, before + len(word)))
            after = self.folded.find(word, end, end + near.within + len(word))
            if after >= 0:
                found.append((after - end, after, after + len(word)))
        if not found:
            return None
        _, at, until = min(found, key=lambda each: (each[0], each[1] - each[2], each[1]))
        return at, until

    def _span(self, start: int, end: int) -> Span:
        first = self._places[start]
        return Span(first, self._places[end - 1] - first + 1)


def comparable(word: str) -> str:
    """A word as texts are searched for it: of one width and case (NFKC, case folded)."""
    return unicodedata.normalize("NFKC", word).casefold()


def any_of(text: Text, words: Iterable[str]) -> list[Span]:
    """Where any of some comparable words stands, in order."""
    return sorted({span for word in words for span in text.spans_of(word)})
