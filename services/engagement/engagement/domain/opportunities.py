"""An opportunity (商机): the sales conversation that a lead begins when it has its first owner.

It is known by its lead. Facts about it come from several services, late and in any order; each keeps its own place in
the row, so that every order ends in the same one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from servicekit.errors import Invalid, NotFound

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

_NUMBER = re.compile(r"OPP-\d{8}-(\d{6,18})")


class UnknownOpportunity(NotFound):
    """The lead has no opportunity: it has had no owner yet."""

    def __init__(self, lead_id: UUID) -> None:
        super().__init__(f"lead {lead_id} has no opportunity")


class State(IntEnum):
    """How an opportunity stands; the numbers are kept in the database."""

    OPEN = 1
    WON = 2
    LOST = 3
    JOINED = 4
    """It goes on as part of another opportunity of the same customer."""
    WITHDRAWN = 5
    """The import that made its lead was undone."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A lead was given to somebody, for the `assignment_no`th time."""

    lead_id: UUID
    golden_id: str
    owner_id: str
    assignment_no: int
    channel: str
    received_at: datetime
    assigned_at: datetime


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a lead is by right, None for nobody's; `audit_seq` orders what permissions states."""

    lead_id: UUID
    owner_id: str | None
    audit_seq: int


@dataclass(frozen=True, slots=True)
class Contacted:
    """Contact was made about a lead."""

    lead_id: UUID
    contacted_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A lead goes on as part of another (`into_lead_id`), or its import was undone (None)."""

    lead_id: UUID
    into_lead_id: UUID | None


@dataclass(frozen=True, slots=True)
class Opportunity:
    """One opportunity; `serial` counts all of them from 1."""

    lead_id: UUID
    serial: int
    golden_id: str
    state: State
    owner_id: str | None
    channel: str
    received_at: datetime
    opened_at: datetime
    contacted_at: datetime | None = None
    into_lead_id: UUID | None = None
    downgraded_at: datetime | None = None
    """When it was found that offers got no answer (AS-18); None for one that is not, or not asked about."""

    @property
    def number(self) -> str:
        """The number that people and other systems call it by, such as OPP-20260207-000001."""
        return f"OPP-{self.opened_at:%Y%m%d}-{self.serial:06d}"


@dataclass(frozen=True, slots=True)
class Stale:
    """An open opportunity that nobody has looked after since (FU-05)."""

    lead_id: UUID
    golden_id: str
    owner_id: str | None
    last_touched_at: datetime


def serial_of(number: str) -> int:
    """The serial in an opportunity's number; raises `Invalid` for what is none."""
    found = _NUMBER.fullmatch(number)
    if found is None:
        raise Invalid("an opportunity's number looks like OPP-20260207-000001")
    return int(found[1])
