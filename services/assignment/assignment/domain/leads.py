"""A lead as routing sees it, and the five ways it can stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, NewType, TypeAlias
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

LeadId = NewType("LeadId", UUID)
RepId = NewType("RepId", str)


class Precision(IntEnum):
    """How surely the place is known; only a known place is compared with what a rep covers."""

    UNKNOWN = 0
    PROVINCE = 1
    CITY = 2
    AMBIGUOUS = 3


class Profile(NamedTuple):
    """All that routing looks at: leads with equal profiles have equal candidates.

    Names of places carry no suffix (广东, 深圳); an empty field is unknown.
    """

    province: str
    city: str
    precision: Precision
    industry: str
    source_kind: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What rules may ask about one lead beside its profile; nothing of it is personal.

    `budget` is in yuan, None when none was stated; `attributes` are what the channel's mapping names, as text.
    """

    product: str = ""
    budget: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


NO_TRAITS = Traits()


@dataclass(frozen=True, slots=True)
class Lead:
    """One inquiry of a known customer. `traceparent` is the trace that its later effects continue."""

    lead_id: LeadId
    golden_id: str
    channel: str
    received_at: datetime
    profile: Profile
    first_action: str
    phone_display: str
    traceparent: str | None
    traits: Traits = NO_TRAITS


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nobody could take the lead yet."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Somebody must act on the lead; `assignment_no` counts its owners from 1."""

    assignee_id: RepId
    assignment_no: int
    contact_due_at: datetime
    first_assigned_at: datetime
    contacted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """The lead belongs to another open lead of the same customer."""

    into_lead_id: LeadId


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The import that made the lead was undone; `into_lead_id` is the lead that it had joined."""

    import_id: UUID
    into_lead_id: LeadId | None = None


@dataclass(frozen=True, slots=True)
class Pooled:
    """The lead is in the public pool; `assignment_no` counts the owners that it had."""

    pooled_at: datetime
    previous_owner_id: RepId
    assignment_no: int


Standing: TypeAlias = Waiting | Owned | Merged | Withdrawn | Pooled


@dataclass(frozen=True, slots=True)
class StoredLead:
    """A lead with its standing; `decision_count` decisions have been made about it.

    `accepted_at` is when its owner of now took it on; `effective_at` when an owner last did something that counts.
    Both are None before.
    """

    lead: Lead
    standing: Standing
    decision_count: int
    accepted_at: datetime | None = None
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """How a lead stands; `owned` is who must act, for a merged lead the owner of the lead it joined."""

    lead_id: LeadId
    standing: Standing
    owned: Owned | None


@dataclass(frozen=True, slots=True)
class OpenLead:
    """The open lead of a customer; `assignee_id` is None while it waits."""

    lead_id: LeadId
    assignee_id: RepId | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """New leads: those to route, and those that join an open lead, which may be one of the former."""

    fresh: list[Lead]
    joining: list[tuple[Lead, OpenLead]]


def sort_arrivals(
    leads: Iterable[Lead], *, known: set[LeadId], open_leads: Mapping[str, OpenLead]
) -> Arrivals:
    """Splits leads into new conversations and repeated asking, in the order of their arrival.

    A customer (by golden id) has one open lead: the one in `open_leads`, or else the first to arrive here. Leads in
    `known`, and repeats of a lead, are left out.
    """
    seen = set(known)
    conversations = dict(open_leads)
    fresh: list[Lead] = []
    joining: list[tuple[Lead, OpenLead]] = []
    for lead in leads:
        if lead.lead_id in seen:
            continue
        seen.add(lead.lead_id)
        conversation = conversations.get(lead.golden_id)
        if conversation is None:
            conversations[lead.golden_id] = OpenLead(lead.lead_id, None)
            fresh.append(lead)
        else:
            joining.append((lead, conversation))
    return Arrivals(fresh, joining)


def with_owners(
    joining: Sequence[tuple[Lead, OpenLead]], owners: Mapping[LeadId, RepId]
) -> list[tuple[Lead, OpenLead]]:
    """The joining leads, once it is known who owns the leads that arrived with them."""
    return [
        (lead, OpenLead(into.lead_id, owners.get(into.lead_id, into.assignee_id)))
        for lead, into in joining
    ]
