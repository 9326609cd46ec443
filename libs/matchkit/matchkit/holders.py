"""Who holds which key, in little memory: most keys of a large base are held by one record only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matchkit.errors import NotLoaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Holders:
    """The records of each key, in the order of their coming.

    A key too crowded to be loaded is known by its number of holders alone.
    """

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._further: dict[int, list[int]] = {}
        self._unloaded: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._first)

    def count(self, key: int) -> int:
        """How many records hold the key, loaded or not."""
        unloaded = self._unloaded.get(key, 0)
        if key not in self._first:
            return unloaded
        return unloaded + 1 + len(self._further.get(key, ()))

    def of(self, key: int) -> Sequence[int]:
        """The loaded holders of a key."""
        first = self._first.get(key)
        if first is None:
            return ()
        further = self._further.get(key)
        return (first,) if further is None else (first, *further)

    def all_of(self, key: int) -> Sequence[int]:
        """Every holder of a key; raises `NotLoaded` when only their number is known."""
        if self._unloaded.get(key):
            raise NotLoaded(key)
        return self.of(key)

    def add(self, key: int, record_id: int) -> int:
        """Adds a holder; returns how many there were before."""
        first = self._first.setdefault(key, record_id)
        if first == record_id:
            return self._unloaded.get(key, 0) if self._unloaded else 0
        further = self._further.setdefault(key, [])
        further.append(record_id)
        return len(further) + self._unloaded.get(key, 0)

    def remove(self, key: int, record_id: int) -> None:
        """Takes a holder away."""
        further = self._further.get(key)
        if further is None:
            del self._first[key]
            return
        if self._first[key] == record_id:
            self._first[key] = further.pop(0)
        else:
            further.remove(record_id)
        if not further:
            del self._further[key]

    def crowd(self, key: int, unloaded: int) -> None:
        """Says that so many records hold the key besides those loaded."""
        self._unloaded[key] = unloaded

    def fill(self, key: int, record_ids: Iterable[int]) -> None:
        """Adds several holders."""
        for record_id in record_ids:
            self.add(key, record_id)
