"""A reminder: what it is about, whom it is for, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID


class State(IntEnum):
    """Where a reminder stands."""

    DUE = 1
    """To be routed when its time comes: at once, after quiet hours, or because a route failed."""
    DELIVERED = 2
    """Somebody proved that it arrived."""
    FAILED = 3
    """Given up; a receipt that comes later still makes it delivered."""
    SENDING = 4
    """On a route; when its time comes and nobody took it, the next route begins beside."""
    AWAITING = 5
    """A provider took it; when its time comes without a receipt, the next route begins (AS-10)."""
    SUPERSEDED = 6
    """What it says is no longer so, and another reminder says what is."""


class Reason(Enum):
    """Why nobody took a reminder."""

    NO_RECIPIENT = "no_recipient"
    NO_OWNER = "no_owner"
    NO_MANAGER = "no_manager"
    FROZEN = "frozen"
    DEPARTED = "departed"
    OFFLINE = "offline"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    NO_RECEIPT = "no_receipt"
    SUPERSEDED = "superseded"


class TargetKind(IntEnum):
    """How a recipient is found at the time of sending; never by a role (AS-08)."""

    OWNER = 1
    MANAGER_OF_OWNER = 2
    PERSON = 3
    MANAGER_OF_PERSON = 4


@dataclass(frozen=True, slots=True)
class Resource:
    """What can have an owner: a lead or a customer."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a reminder is for.

    `resource` is whose owner is looked up. `person_id` is the person meant, or whose manager is; for an owner it is who
    the event says it was, used while nothing else is known. `manager_id` is who the event says the manager is.
    """

    kind: TargetKind
    resource: Resource | None = None
    person_id: str = ""
    manager_id: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a reminder is about, as later facts about it repeat it; ids only.

    `traceparent` is the W3C context of the event that called for it.
    """

    lead_id: UUID | None
    channel: str
    received_at: datetime | None
    assignment_no: int
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder, to be written. `facts` is the JSON object that templates show; it names no customer.

    Two with the same `kind` and `dedupe_key` are one.
    """

    reminder_id: UUID
    kind: str
    dedupe_key: str
    target: Target
    subject: Subject
    facts: bytes


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as policies see it: its fields by name, as text; times are ISO 8601 in UTC."""

    event: str
    event_id: str
    fields: Mapping[str, str]
    resource: Resource | None
    received_at: datetime | None
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owned a resource from a time on; empty when nobody. `assignment_no` is 0 where none was told."""

    resource: Resource
    owner_id: str
    assignment_no: int
    since: datetime
