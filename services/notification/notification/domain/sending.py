"""One message on one route: what its provider answered, and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING

from notification.domain.reminders import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from notification.domain.addresses import Device
    from notification.domain.media import Medium
    from notification.domain.reminders import Subject

RETRY_DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds until the next try after each failed one; after the last the route is given up."""


class SendState(IntEnum):
    """Where a message on one route stands."""

    QUEUED = 1
    ACCEPTED = 2
    REFUSED = 3
    DROPPED = 4
    """Not sent any more: it arrived on another route, or its recipient is another by now."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One reminder in a message; `facts` is what its card may show.

    `is_moot` when it need not be sent, `is_moved` when its recipient is another now.
    """

    send_id: UUID
    reminder_id: UUID
    kind: str
    facts: Mapping[str, str]
    subject: Subject
    is_moot: bool = False
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """Reminders for one recipient that leave as one message, under the same id at every try."""

    bundle_id: UUID
    lane: str
    medium: Medium
    device: Device
    recipient_id: str
    attempt_count: int
    parcels: Sequence[Parcel]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Transport and business code were good. `message_id` is the provider's; empty where it gives none."""

    at: datetime
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider did not take the message, and said so.

    `code` is its own, without anything personal. `is_gone` means that the address will never work again;
    `retry_after_s` is how long the provider wants to be left alone.
    """

    at: datetime
    code: str
    retryable: bool
    is_gone: bool = False
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say whether the provider took the message; it is sent again, where possible under the same key."""

    at: datetime
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Nowhere:
    """The address is no longer configured."""

    at: datetime


Answer = Accepted | Rejected | Unknown | Nowhere


@dataclass(frozen=True, slots=True)
class Taken:
    """The message is with its provider."""

    attempt_count: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """The message will be tried again."""

    attempt_count: int
    next_attempt_at: datetime
    reason: Reason
    error: str


@dataclass(frozen=True, slots=True)
class Failed:
    """This route is given up."""

    attempt_count: int
    reason: Reason
    error: str


Verdict = Taken | Postponed | Failed


def verdict(answer: Answer, *, attempt_count: int, delays_s: Sequence[float]) -> Verdict:
    """What becomes of a message that had been tried `attempt_count` times before this answer."""
    has_tries = attempt_count < len(delays_s)
    match answer:
        case Accepted(message_id=message_id):
            return Taken(attempt_count + 1, message_id)
        case Nowhere():
            return Failed(attempt_count, Reason.NO_RECIPIENT, Reason.NO_RECIPIENT.value)
        case Rejected(retryable=True, is_gone=False) if has_tries:
            delay_s = max(delays_s[attempt_count], answer.retry_after_s)
            return _postponed(answer.at, delay_s, attempt_count, (Reason.REFUSED, answer.code))
        case Rejected():
            return Failed(attempt_count + 1, Reason.REFUSED, answer.code)
        case Unknown() if has_tries:
            why = (answer.reason, answer.detail)
            return _postponed(answer.at, delays_s[attempt_count], attempt_count, why)
        case Unknown():
            return Failed(attempt_count + 1, answer.reason, answer.detail)


def _postponed(
    at: datetime, delay_s: float, attempt_count: int, why: tuple[Reason, str]
) -> Postponed:
    return Postponed(attempt_count + 1, at + timedelta(seconds=delay_s), *why)
