"""The people in the leads: how they are named without being known, and what is asked about them. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, NewType
from uuid import UUID

from servicekit.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

RequestId = NewType("RequestId", UUID)

OWN = "lead-intake"
ASKED_SERVICES = (
    "identity",
    "assignment",
    "engagement",
    "notification",
    "reporting",
    "permissions",
)
"""Whoever keeps something about a lead; a request is complete when each has answered, and this service too."""

ANSWER_WITHIN = timedelta(hours=24)
RESULT_KEPT = timedelta(days=7)
LEADS_MAX = 1000
"""Leads of one request: what one event names."""

REASON_LENGTH_MAX = 200
WECHAT_LENGTH_MAX = 100
_PERSONAL = re.compile(r"\d{7}|@|1[3-9]\d[\s.-]\d{4}[\s.-]\d{4}")


class PointKind(IntEnum):
    """In which way a person is named; the numbers are kept in the database."""

    NONE = 0
    PHONE = 1
    EMAIL = 2
    WECHAT = 3


class Point(NamedTuple):
    """One way to name a person: the keyed HMAC of a phone, e-mail or WeChat id."""

    kind: PointKind
    digest: bytes


class RequestKind(IntEnum):
    """What is asked about a person; the numbers are those of the contract."""

    ERASURE = 1
    EXPORT = 2


class RequestState(IntEnum):
    """How far a request has come; the numbers are those of the contract."""

    RECEIVED = 1
    ASKED = 2
    COMPLETED = 3


class NoSuchRequest(NotFound):
    """No request about a person has this id."""


class TooManyLeads(Conflict):
    """So many leads share a contact point that it names no single person."""


class NotDownloadable(Conflict):
    """There is no export to download: it is not complete, was downloaded, is too old, or is somebody else's."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request as it is taken: about whom, why, and who asks."""

    request_id: RequestId
    kind: RequestKind
    points: tuple[Point, ...]
    named_lead_id: UUID | None
    requested_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubjectRequest:
    """A request as it stands."""

    request_id: RequestId
    kind: RequestKind
    state: RequestState
    subject_indexes: tuple[bytes, ...]
    named_lead_id: UUID | None
    lead_ids: tuple[UUID, ...]
    requested_by: str
    reason: str
    requested_at: datetime
    due_at: datetime
    completed_at: datetime | None
    is_overdue: bool
    is_downloadable: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One part of one service's answer; `records` is the sealed JSON of an export, None for an erasure."""

    request_id: RequestId
    service: str
    part: int
    part_count: int
    record_count: int
    holds: tuple[str, ...] = ()
    records: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What one service has answered so far."""

    service: str
    is_complete: bool
    record_count: int
    holds: tuple[str, ...]
    answered_at: datetime | None


def wechat_key(written: str) -> str:
    """A WeChat id, openid or external user id as it is indexed: NFKC, trimmed, in lower case."""
    return unicodedata.normalize("NFKC", written).strip().casefold()


def email_key(written: str) -> str:
    """An e-mail address as it is indexed: NFKC, trimmed, in lower case."""
    return unicodedata.normalize("NFKC", written).strip().lower()


def strongest(points: Iterable[Point]) -> Point | None:
    """The point that stands for a person best: the phone, else the e-mail, else the WeChat id."""
    return min((point for point in points if point.digest), default=None)


def checked_reason(reason: str) -> str:
    """A reason that may be kept; raises `Invalid` when it is empty, too long, or looks like personal data."""
    if not 0 < len(reason) <= REASON_LENGTH_MAX or not reason.isprintable():
        raise Invalid(f"a reason is 1 to {REASON_LENGTH_MAX} printable characters")
    if _PERSONAL.search(unicodedata.normalize("NFKC", reason)):
        raise Invalid("a reason is a code or a ticket's number, never personal data")
    return reason


def waited_for(answered: Sequence[Answered]) -> tuple[str, ...]:
    """The services that have not answered in full, in a fixed order."""
    done = {answer.service for answer in answered if answer.is_complete}
    return tuple(service for service in (OWN, *ASKED_SERVICES) if service not in done)
