"""Finds the words of a fixed vocabulary in a text.

An alternation of thousands of words in a regular expression is tried word by word at each character; here the first two
characters say at once which lengths can follow, and the longest word wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WORD_LENGTH_MIN = 2


class Vocabulary:
    """A set of words of two characters at least, in the spelling in which texts are searched."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(word for word in words if len(word) >= WORD_LENGTH_MIN)
        lengths: dict[str, set[int]] = {}
        for word in self._words:
            lengths.setdefault(word[:WORD_LENGTH_MIN], set()).add(len(word))
        self._lengths = {start: sorted(each, reverse=True) for start, each in lengths.items()}

    def apart(self, text: str) -> Iterator[tuple[int, int]]:
        """Where words begin and end, from left to right, each after the one before."""
        lengths, words = self._lengths, self._words
        position, size = 0, len(text)
        while position <= size - WORD_LENGTH_MIN:
            for length in lengths.get(text[position : position + WORD_LENGTH_MIN], ()):
                word = text[position : position + length]
                if word in words and not _is_cut(text, position, position + len(word)):
                    yield position, position + len(word)
                    position += len(word)
                    break
            else:
                position += 1


def _is_cut(text: str, start: int, end: int) -> bool:
    """Whether a Latin word would be cut out of a longer one; Chinese has no gaps between words."""
    if not text[start].isascii() and not text[end - 1].isascii():
        return False
    return (start > 0 and _both_latin(text[start - 1], text[start])) or (
        end < len(text) and _both_latin(text[end - 1], text[end])
    )


def _both_latin(first: str, second: str) -> bool:
    return first.isascii() and second.isascii() and first.isalnum() and second.isalnum()
