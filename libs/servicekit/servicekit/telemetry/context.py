"""Which trace the running code belongs to.

Hidden decision: the current context is the W3C `traceparent` string itself. Passing an unsampled
trace on is then passing a string on, and the sampled flag is one character; ids are cut out of the
string only where someone reads them.
"""

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

_ODD_DIGITS: Final = frozenset("13579bdf")
_HEADER_CHARS: Final = 55
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)

current: Final[ContextVar[str | None]] = ContextVar("traceparent", default=None)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A W3C trace context: ids of 32 and 16 lower-case hexadecimal digits; flag bit 0: sampled."""

    trace_id: str
    span_id: str
    flags: int

    @property
    def sampled(self) -> bool:
        """Whether spans of this trace are recorded."""
        return bool(self.flags & 1)

    @classmethod
    def parse(cls, traceparent: str | None) -> "TraceContext | None":
        """The context a header states, or None when it is absent or malformed.

        Headers of versions after 00 are read by their first four fields, as the recommendation
        asks.
        """
        found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
        if found is None or (found.end(3) != len(found[0]) and found[0].startswith("00")):
            return None
        return cls(found[1], found[2], int(found[3], 16))

    def header(self) -> str:
        """The `traceparent` header of version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def current_traceparent() -> str | None:
    """The `traceparent` of the running code, sampled or not; None outside any trace."""
    return current.get()


def current_trace_id() -> str | None:
    """The trace id (32 hexadecimal digits) of the running code; None outside any trace."""
    traceparent = current.get()
    return None if traceparent is None else traceparent[3:35]


def current_span_id() -> str | None:
    """The span id (16 hexadecimal digits) of the running code; None outside any trace."""
    traceparent = current.get()
    return None if traceparent is None else traceparent[36:52]


def normalised(traceparent: str | None) -> str | None:
    """The header as version 00 in 55 characters, or None when malformed.

    Everything inside the process relies on that shape.
    """
    if traceparent is None:
        return None
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is not None and len(traceparent) == _HEADER_CHARS and traceparent.startswith("00"):
        return traceparent
    context = TraceContext.parse(traceparent.strip())
    return None if context is None else context.header()


def is_sampled(traceparent: str) -> bool:
    """Whether a `traceparent` of 55 characters carries the sampled flag."""
    return traceparent[54] in _ODD_DIGITS


def new_trace_id() -> str:
    """A random trace id."""
    return os.urandom(16).hex()


def new_span_ids(count: int) -> list[str]:
    """Random span ids, from one read of the system's generator."""
    digits = os.urandom(8 * count).hex()
    return [digits[at : at + 16] for at in range(0, 16 * count, 16)]
