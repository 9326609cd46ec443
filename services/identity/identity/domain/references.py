"""How people name records: by id, by what was seen of them, or by their customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit.errors import Invalid, NotFound

if TYPE_CHECKING:
    from identity.domain.customers import LeadId


class UnnamedRecord(Invalid):
    """A reference names nothing."""

    def __init__(self) -> None:
        super().__init__("say which record, lead, source or customer is meant")


class RecordNotFound(NotFound):
    """The reference names nothing that has a record: never heard of, deleted or erased."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no record of this {what}")


@dataclass(frozen=True, slots=True)
class RecordNamed:
    """A record by its id."""

    record_id: int


@dataclass(frozen=True, slots=True)
class LeadNamed:
    """The record of a lead."""

    lead_id: LeadId


@dataclass(frozen=True, slots=True)
class SourceNamed:
    """The record of a row of a system."""

    system: str
    key: str


@dataclass(frozen=True, slots=True)
class CustomerNamed:
    """All records of a customer, by any id that it ever had."""

    customer_id: str


Reference = RecordNamed | LeadNamed | SourceNamed | CustomerNamed
