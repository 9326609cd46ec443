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

    def join(self, keys: Iterable[int], record_id: int) -> list[int]:
        """Makes a record a holder of these keys; returns those that had a holder before."""
        claim, unloaded, shared = self._first.setdefault, self._unloaded, []
        for key in keys:
            if claim(key, record_id) != record_id:
                self._further.setdefault(key, []).append(record_id)
                shared.append(key)
            elif unloaded and key in unloaded:
                shared.append(key)
        return shared

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
