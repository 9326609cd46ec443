"""The breaker that all exports share: when they strain the system pages become small, until one of full size does well.

Three signals open it (DX-09): pages asked for in a day, their mean response time, and the peak of memory. That its time
is over is derived at the moment of the question. Times are Unix seconds.
"""

from dataclasses import dataclass, replace
from enum import Enum

from accesskit.policy import BreakerTerms

MEAN_REPORTS_MIN = 5
"""Fewer reports than this have no mean worth acting on."""


class BreakerState(Enum):
    """CLOSED: full pages. OPEN: small ones. HALF_OPEN: one full page, the canary, shows what comes next."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Signals:
    """What exports cost: pages asked for today, and the reports since the breaker was last closed."""

    requests: int = 0
    reports: int = 0
    response_ms_mean: float = 0.0
    memory_mb_peak: float = 0.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """Open or closed since a time; `canary_id` is the page that tries whether it may be closed, empty for none."""

    is_open: bool
    since_s: float
    reason: str = ""
    canary_id: str = ""

    def state_at(self, terms: BreakerTerms, now_s: float) -> BreakerState:
        """Where it stands; an open one is half open once it has cooled down."""
        if not self.is_open:
            return BreakerState.CLOSED
        has_cooled = now_s >= self.since_s + terms.cool_down_s
        return BreakerState.HALF_OPEN if has_cooled else BreakerState.OPEN

    def opened(self, reason: str, *, at_s: float) -> "Breaker":
        """Open from then on; also when a canary did not do well."""
        return Breaker(is_open=True, since_s=at_s, reason=reason)

    def closed(self, *, at_s: float) -> "Breaker":
        """Closed; what exports cost is measured anew from then on."""
        return Breaker(is_open=False, since_s=at_s)

    def trying(self, canary_id: str) -> "Breaker":
        """Half open with this page as the canary; empty for none."""
        return replace(self, canary_id=canary_id)


def strain(signals: Signals, terms: BreakerTerms) -> str:
    """The code of the first threshold that is reached; empty when none is."""
    if signals.requests >= terms.requests_per_day:
        return "requests_per_day"
    has_mean = signals.reports >= MEAN_REPORTS_MIN
    if has_mean and signals.response_ms_mean >= terms.response_ms_mean:
        return "response_ms_mean"
    return "memory_mb_peak" if signals.memory_mb_peak >= terms.memory_mb_peak else ""


def has_done_well(response_ms: float, memory_mb: float, terms: BreakerTerms) -> bool:
    """Whether a canary's page cost little enough for the breaker to be closed."""
    return response_ms < terms.response_ms_mean and memory_mb < terms.memory_mb_peak
