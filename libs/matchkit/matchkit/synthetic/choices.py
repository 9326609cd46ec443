"""Drawing from weighted lists quickly and repeatably."""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

Item = TypeVar("Item")


class Choices(Generic[Item]):
    """A weighted list; weights need not add up to anything."""

    def __init__(self, weighted: Iterable[tuple[Item, float]]) -> None:
        """Raises `ValueError` when the list is empty."""
        items, weights = zip(*weighted, strict=True)
        self._items: tuple[Item, ...] = items
        self._until = list(accumulate(weights))

    def draw(self, random: Random) -> Item:
        """One item, as often as its share of the weights."""
        return self._items[bisect(self._until, random.random() * self._until[-1])]


def falling(items: Iterable[Item], *, exponent: float = 0.7) -> Choices[Item]:
    """Items that are the rarer the later they stand: the n-th weighs n to the minus `exponent`."""
    return Choices((item, (place + 1) ** -exponent) for place, item in enumerate(items))
