"""Token buckets, one for each name: nobody's traffic uses up another's."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

BUCKETS_MAX = 10_000


@dataclass(slots=True)
class TokenBucket:
    """Fills at `per_s` up to `burst`; each use takes one. Times are monotonic seconds."""

    per_s: float
    burst: float
    left: float
    filled_at_s: float

    def wait_s(self, now_s: float) -> float:
        """How long until there is a token; 0 when there is one."""
        self.left = min(self.burst, self.left + (now_s - self.filled_at_s) * self.per_s)
        self.filled_at_s = now_s
        return 0.0 if self.left >= 1 else (1 - self.left) / self.per_s

    def take(self) -> None:
        """Uses one token; more may be under way than there are, and then the next ones wait the longer."""
        self.left -= 1


class RateLimits:
    """Buckets by name, at most 10,000; the one that was not asked for longest is forgotten first."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def bucket(self, name: Hashable, *, per_s: float, burst: float, now_s: float) -> TokenBucket:
        """The bucket of a name, full when it is new; a changed rate holds from now on."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(per_s, burst, burst, now_s)
            if len(self._buckets) > BUCKETS_MAX:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
            bucket.per_s, bucket.burst = per_s, burst
        return bucket
