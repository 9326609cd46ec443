"""When something falls due for each of many ids, so that a question looks only at those it may concern."""

import math
from heapq import heapify, heappop, heappush
from typing import Final

_SPARE_MIN: Final = 1_000


class DueTimes:
    """A moment per id, in Unix seconds.

    `at_s` is the moment itself. `passed` holds every id whose moment comes before `next_s`, and perhaps more: time is
    an argument and may go back, so of an id in `passed` the moment must still be compared. A moment that is no time
    (NaN) is in `passed` too. Neither collection is ever replaced.
    """

    __slots__ = ("_coming", "_is_heap", "at_s", "next_s", "passed")

    def __init__(self) -> None:
        self.at_s: dict[str, float] = {}
        self.passed: set[str] = set()
        self.next_s = math.inf
        # Of an id whose moment was moved the former one stays until it is reached, and then counts for nothing.
        self._coming: list[tuple[float, str]] = []
        self._is_heap = False

    def put(self, id_: str, at_s: float) -> None:
        """The id's moment from now on, in place of any before."""
        before_s = self.at_s.get(id_)
        if before_s == at_s:
            return
        self.at_s[id_] = at_s
        if before_s is not None:
            self.passed.discard(id_)
        if not at_s > -math.inf:
            self.passed.add(id_)
        elif at_s < math.inf:
            self._expect(id_, at_s)

    def advance(self, now_s: float) -> None:
        """Takes what is due at `now_s` into `passed`; needed once `now_s >= next_s`."""
        coming = self._coming
        if not self._is_heap:
            heapify(coming)
            self._is_heap = True
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

    def _expect(self, id_: str, at_s: float) -> None:
        coming = self._coming
        if not self._is_heap:
            # Many come at once before anybody asks: they are put in order then.
            coming.append((at_s, id_))
        elif len(coming) > 2 * len(self.at_s) + _SPARE_MIN:
            at_of = self.at_s
            coming[:] = [
                (at_of[each], each) for each in at_of.keys() - self.passed if at_of[each] < math.inf
            ]
            self._is_heap = False
        else:
            heappush(coming, (at_s, id_))
        self.next_s = min(self.next_s, at_s)
