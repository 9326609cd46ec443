"""Recordings of what was said with customers, until somebody has written it down (FU-03)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from servicekit.retry_schedule import next_delay_s

from engagement.domain.behaviours import Line, Transcript

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

RETRY_DELAYS_S = (30.0, 120.0, 600.0, 3600.0, 4 * 3600.0)
"""Seconds before each retry; together 5.2 h, longer than a recogniser is usually away."""
STILL_AT_WORK = timedelta(seconds=30)
"""When to ask again about a recording that is being listened to, where the recogniser does not say."""
GIVEN_UP_AFTER = timedelta(hours=24)
URL_CHARS_MAX = 2_000
HTTPS_PORT = 443

NOT_ALLOWED, QUEUE_FULL, TOO_LATE = "not_allowed", "queue_full", "too_late"


class RecordingState(IntEnum):
    """How a recording stands; the numbers are kept in the database."""

    WAITING = 1
    HEARD = 2
    """What was said is on record; where it can be heard is forgotten."""
    FAILED = 3
    """Nobody tries any more, until somebody says so."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A contact that was recorded. `url` is as good as the recording itself; `repr` reveals nothing."""

    contact_id: UUID
    url: str

    def __repr__(self) -> str:
        return f"Recording({self.contact_id})"


@dataclass(frozen=True, slots=True)
class Leased:
    """A recording that is this process' to have written down for a while, at the `attempt_count`th try."""

    recording: Recording
    golden_id: str
    happened_at: datetime
    attempt_count: int
    given_up_at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said; nothing for silence."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class StillAtWork:
    """The recogniser listens; it is asked again later."""

    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NotHeard:
    """The recogniser did not write it down; `code` is short and holds nothing of the recording."""

    code: str
    is_permanent: bool = False
    retry_after_s: float = 0.0


Outcome: TypeAlias = Heard | StillAtWork | NotHeard


@dataclass(frozen=True, slots=True)
class Later:
    """The recording is tried again; being told to wait counts as no try."""

    due_at: datetime
    attempt_count: int
    reason: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The recording waits for a person, who is told why."""

    reason: str


def is_allowed(url: str, hosts: Collection[str]) -> bool:
    """Whether a recording may be fetched: https from a named host, on its usual port, without a password.

    Whoever sends facts would otherwise have the recogniser fetch whatever it can reach.
    """
    if len(url) > URL_CHARS_MAX or not url.isprintable() or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port or HTTPS_PORT
    except ValueError:
        return False
    is_plain = parts.username is None and parts.password is None and not parts.fragment
    is_named = (parts.hostname or "").casefold() in hosts
    return parts.scheme == "https" and port == HTTPS_PORT and is_plain and is_named


def next_step(leased: Leased, outcome: StillAtWork | NotHeard, *, now: datetime) -> Later | GivenUp:
    """What becomes of a recording that is not written down yet."""
    if isinstance(outcome, StillAtWork):
        wait = max(STILL_AT_WORK, timedelta(seconds=outcome.retry_after_s))
        later: Later | GivenUp = Later(now + wait, leased.attempt_count - 1, "at_work")
    else:
        later = _retried(leased, outcome, now)
    if isinstance(later, Later) and later.due_at > leased.given_up_at:
        return GivenUp(TOO_LATE if isinstance(outcome, StillAtWork) else outcome.code)
    return later


def _retried(leased: Leased, failure: NotHeard, now: datetime) -> Later | GivenUp:
    delay_s = next_delay_s(leased.attempt_count, RETRY_DELAYS_S)
    if failure.is_permanent or delay_s is None:
        return GivenUp(failure.code)
    wait = timedelta(seconds=max(delay_s, failure.retry_after_s))
    return Later(now + wait, leased.attempt_count, failure.code)


def transcript_of(leased: Leased, heard: Heard) -> Transcript:
    """What was said in the contact of a recording."""
    contact_id = leased.recording.contact_id
    return Transcript(contact_id, leased.golden_id, leased.happened_at, heard.lines)
