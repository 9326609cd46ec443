"""When something falls due for each of many ids, so that a question looks only at those it may concern."""

import math
from heapq import heapify, heappop, heappush
from typing import Final

_SPARE_MAX: Final = 1_000


class DueTimes:
    """A moment per id, in Unix seconds.

    `at_s` is the moment itself. `passed` holds every id whose moment comes before `next_s`, and perhaps more: time is
    an argument and may go back, so of an id in `passed` the moment must still be compared. A moment that is no time
    (NaN) is in `passed` too. Neither collection is ever replaced.
    """

    __slots__ = ("_coming", "_moved", "at_s", "next_s", "passed")

    def __init__(self) -> None:
        self.at_s: dict[str, float] = {}
        self.passed: set[str] = set()
        self.next_s = math.inf
        # A heap. Of an id that was moved the former moment stays until it is reached, and then counts for nothing.
        self._coming: list[tuple[float, str]] = []
        # Many come before anybody asks: they are put in order then.
        self._moved: list[str] = []

    def put(self, id_: str, at_s: float) -> None:
        """The id's moment from now on, in place of any before."""
        self.at_s[id_] = at_s
        self._moved.append(id_)
        self.next_s = -math.inf

    def advance(self, now_s: float) -> None:
        """Takes what is due at `now_s` into `passed`; needed once `now_s >= next_s`."""
        if self._moved:
            self._place_moved()
        coming = self._coming
        while coming and coming[0][0] <= now_s:
            at_s, id_ = heappop(coming)
            if self.at_s[id_] == at_s:
                self.passed.add(id_)
        self.next_s = coming[0][0] if coming else math.inf

    def due(self, now_s: float) -> list[str]:
        """The ids whose moment has come, in no particular order."""
        if now_s >= self.next_s:
            self.advance(now_s)
        at_s = self.at_s
        return [id_ for id_ in self.passed if at_s[id_] <= now_s]

    def _place_moved(self) -> None:
        if len(self._coming) + 2 * len(self._moved) > 2 * len(self.at_s) + _SPARE_MAX:
            self._place_all()
        else:
            for id_ in self._moved:
                self.passed.discard(id_)
                at_s = self.at_s[id_]
                if -math.inf < at_s < math.inf:
                    heappush(self._coming, (at_s, id_))
                elif at_s != math.inf:
                    self.passed.add(id_)
        self._moved.clear()

    def _place_all(self) -> None:
        moments = self.at_s.items()
        self._coming = [(at_s, id_) for id_, at_s in moments if -math.inf < at_s < math.inf]
        heapify(self._coming)
        self.passed.clear()
        self.passed.update(id_ for id_, at_s in moments if not at_s > -math.inf)
