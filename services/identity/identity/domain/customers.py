"""Customers, what they are called by, and on what a lead was recognised as theirs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NewType
from uuid import UUID

from servicekit.errors import Invalid, NotFound

if TYPE_CHECKING:
    from datetime import datetime

LeadId = NewType("LeadId", UUID)
CustomerId = NewType("CustomerId", int)
"""The number of a living customer inside this service; a customer who is merged away loses it."""

GoldenId = NewType("GoldenId", str)
MasterId = NewType("MasterId", str)


class CustomerNotFound(NotFound):
    """No customer has, or ever had, this Golden ID or master id."""

    def __init__(self) -> None:
        super().__init__("no such customer")


class LeadNotIdentified(NotFound):
    """The lead has not arrived here, or does not exist."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"lead {lead_id} is not identified")
        self.lead_id = lead_id


class MalformedLeadId(Invalid):
    """A lead is named by something that is no UUID."""

    def __init__(self) -> None:
        super().__init__("lead_id is not a UUID")


class MalformedCustomerId(Invalid):
    """A customer is named by something that is neither a Golden ID nor a master id."""

    def __init__(self) -> None:
        super().__init__("customer_id is neither a Golden ID nor a master id")


class MatchBasis(IntEnum):
    """On what a lead was recognised; the numbers are kept in the database and are those of the contract."""

    NEW = 1
    PHONE_AND_USCC = 2
    PHONE = 3
    NONE = 4
    IDENTIFIER = 5
    SCORE = 6
    STEWARD = 7


@dataclass(frozen=True, slots=True)
class Customer:
    """A living customer, under the ids that they are called by now.

    `record_count` is 0 for one of whom everything was erased; `version` grows with every change of who belongs to it.
    """

    customer_id: CustomerId
    golden_id: GoldenId
    master_id: MasterId
    first_seen_at: datetime
    record_count: int
    version: int
