"""A channel's mapping as a table by name of field: a document is asked for what it has, not for all it might have.

Of the spellings that a mapping knows, most are absent from most documents. One pass over the names that are there finds
the values to read; everything else is what an absent field comes to.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lead_intake.channels.reading_rules import Read

    Asked: TypeAlias = list[tuple[str, Read]]


class FieldTable:
    """The reads of a mapping, by the fields that they look at; gives the same values as asking each of them."""

    def __init__(self, mapping: Iterable[tuple[str, Read]]) -> None:
        self._mapping = tuple(mapping)
        self._absent = {name: read.absent for name, read in self._mapping}
        self._always: Asked = []
        self._direct: defaultdict[str, Asked] = defaultdict(list)
        self._below: defaultdict[str, defaultdict[str, Asked]] = defaultdict(
            lambda: defaultdict(list)
        )
        for name, read in self._mapping:
            self._place(name, read)

    def values_of(self, document: Any) -> dict[str, Any]:
        """The value of every name of the mapping, in its order."""
        if not isinstance(document, dict):
            return {name: read.of(document) for name, read in self._mapping}
        values = self._absent.copy()
        for name, read in self._asked_of(document):
            values[name] = read.of(document)
        return values

    def _asked_of(self, document: dict[str, Any]) -> Asked:
        """The reads that may find something."""
        asked = self._always.copy()
        for key in self._direct.keys() & document.keys():
            asked += self._direct[key]
        for parent, table in self._below.items():
            inner = document.get(parent)
            if isinstance(inner, dict):
                for key in table.keys() & inner.keys():
                    asked += table[key]
        return asked

    def _place(self, name: str, read: Read) -> None:
        if read.places is None:
            self._always.append((name, read))
            return
        for first, *second in read.places:
            asked = self._below[first][second[0]] if second else self._direct[first]
            asked.append((name, read))
