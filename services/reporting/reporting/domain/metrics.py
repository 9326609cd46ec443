"""What figures mean: their contracts, and the targets that are set on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


class Metric(StrEnum):
    """The figures that have a contract."""

    FOLLOW_UP_RATE = "follow_up_rate"
    MISSED_FOLLOW_UPS = "missed_follow_ups"
    RESPONSE_TIME = "response_time"


APPLIED: Mapping[Metric, frozenset[str]] = {
    Metric.FOLLOW_UP_RATE: frozenset({"not_due", "declined", "withdrawn", "merged"}),
    Metric.MISSED_FOLLOW_UPS: frozenset({"not_due", "excluded"}),
    Metric.RESPONSE_TIME: frozenset({"closed"}),
}
"""The filters that reckoning applies; a contract names these and no others, so that none is hidden."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Definition:
    """The contract of a figure; `version` grows with every change of meaning."""

    metric: Metric
    version: int
    name: Words
    text: Words
    filters: tuple[tuple[str, Words], ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Targets:
    """What is wanted (AS-19): shares between 0 and 1, of windows of so many days."""

    window: timedelta
    follow_up_24h_min: float
    response_faster_min: float


@dataclass(frozen=True, slots=True)
class Contracts:
    """Every contract, and the targets."""

    definitions: Mapping[Metric, Definition]
    targets: Targets
