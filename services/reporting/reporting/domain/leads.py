"""What happened to leads, and the figures about how far they got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class Fact(NamedTuple):
    """One event as it is stored: `..._us` are microseconds of Unix time, `number` the assignment that ran out."""

    lead_id: str
    event_id: str
    channel: str
    received_us: int
    occurred_us: int
    summary: str
    trace_id: str | None
    number: int = 0


@dataclass(frozen=True, slots=True)
class FunnelLine:
    """Leads of one channel, day and outcome, and how far they got."""

    channel: str
    day: str
    outcome: str
    lead_count: int
    granted_count: int
    reminded_count: int
    contacted_count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a lead; `trace_id` is empty when it was not traced."""

    occurred_at: datetime
    event: str
    summary: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Latency:
    """Accept-to-reminded latency in milliseconds over `lead_count` leads; times are None without any."""

    lead_count: int
    p50_ms: float
    p99_ms: float
    first_accepted_at: datetime | None
    last_reminded_at: datetime | None


TRACE_SOURCES = ("LeadReceived", "LeadRejected", "DeliveryQuarantined")


def trace_of(entries: Iterable[Entry]) -> str:
    """The trace in which a lead came in: that of its newest intake event, else of its first traced event."""
    traced = [entry for entry in entries if entry.trace_id]
    for event in TRACE_SOURCES:
        of_event = [entry.trace_id for entry in traced if entry.event == event]
        if of_event:
            return of_event[-1]
    return traced[0].trace_id if traced else ""
