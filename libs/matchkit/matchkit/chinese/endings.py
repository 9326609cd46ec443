"""Tables of words that texts end or begin with: a text's own two characters say which words to look for."""

from collections.abc import Iterable, Mapping

Table = Mapping[str, tuple[str, ...]]
"""Two characters to the words of two characters and more that have them there, longest first."""


def ending_with(words: Iterable[str]) -> Table:
    """The words by their last two characters."""
    return _table({word: word[-2:] for word in words})


def beginning_with(words: Iterable[str]) -> Table:
    """The words by their first two characters."""
    return _table({word: word[:2] for word in words})


def ending(text: str, table: Table) -> int:
    """The characters of the longest word of the table (`ending_with`) that a text ends with; 0 when none does."""
    for word in table.get(text[-2:], ()):
        if text.endswith(word):
            return len(word)
    return 0


def _table(places: Mapping[str, str]) -> Table:
    found: dict[str, list[str]] = {}
    for word in sorted(places, key=len, reverse=True):
        found.setdefault(places[word], []).append(word)
    return {place: tuple(words) for place, words in found.items()}
