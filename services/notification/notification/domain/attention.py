"""How closely a queue is watched: what nobody expects anything of costs next to nothing."""

from __future__ import annotations


class Attention:
    """Whether a queue is worth a look now: always for `alert_s` after it was roused, else every `rest_s`.

    Whoever puts something in a queue rouses its watcher before the commit that shows it, so being alert lasts longer
    than a commit. Times are seconds of one clock that never goes back.
    """

    def __init__(self, *, alert_s: float, rest_s: float) -> None:
        self._alert_s = alert_s
        self._rest_s = rest_s
        self._alert_until_s = float("-inf")
        self._next_look_s = float("-inf")

    def rouse(self, *, now_s: float) -> None:
        """Something is in the queue, or will be in a moment."""
        self._alert_until_s = now_s + self._alert_s

    def is_due(self, *, now_s: float) -> bool:
        """Whether to look now; if so, the next rest begins."""
        if now_s > self._alert_until_s and now_s < self._next_look_s:
            return False
        self._next_look_s = now_s + self._rest_s
        return True
