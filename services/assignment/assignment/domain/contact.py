"""The contact clock (AS-03): what happens when an owner has not made contact in time, and who may stop it.

The clock is the owner's own (AS-15): it counts from the moment at which this owner got the lead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit.errors import Forbidden, NotFound

from assignment.domain.leads import LeadId, Owned, RepId

if TYPE_CHECKING:
    from datetime import datetime

    from assignment.domain.leads import Standing, StoredLead
    from assignment.domain.rules import ContactSla

CONTACT_TIMER = "contact"


class UnknownLead(NotFound):
    """Assignment has never seen the lead."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"no lead {lead_id}")


class NotTheOwner(Forbidden):
    """Only the rep who owns a lead can say that contact was made."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"only the owner of lead {lead_id} can mark it contacted")


@dataclass(frozen=True, slots=True)
class Timer:
    """One assignment's clock; it concerns nobody once the lead has another owner."""

    lead_id: LeadId
    assignment_no: int
    due_at: datetime


def is_overdue(standing: Standing, assignment_no: int) -> bool:
    """Whether a clock that has run out still finds its owner without contact."""
    return (
        isinstance(standing, Owned)
        and standing.contacted_at is None
        and standing.assignment_no == assignment_no
    )


def may_hop(owned: Owned, sla: ContactSla) -> bool:
    """Whether the lead may be handed on once more."""
    return owned.assignment_no <= sla.max_hops


def first_owner(rep_id: RepId, *, now: datetime, sla: ContactSla) -> Owned:
    """A lead given to its first owner."""
    return Owned(rep_id, 1, now + sla.contact_within, now)


def next_owner(owned: Owned, rep_id: RepId, *, now: datetime, sla: ContactSla) -> Owned:
    """A lead handed on, with a clock of the new owner's own."""
    due_at = now + sla.contact_within
    return Owned(rep_id, owned.assignment_no + 1, due_at, owned.first_assigned_at)


def owner_marking_contact(stored: StoredLead, rep_id: RepId) -> Owned:
    """The assignment whose owner says that contact was made; raises `NotTheOwner` for anybody else."""
    if isinstance(stored.standing, Owned) and stored.standing.assignee_id == rep_id:
        return stored.standing
    raise NotTheOwner(stored.lead.lead_id)


def response_time_ms(owned: Owned, contacted_at: datetime) -> int:
    """Milliseconds from the first assignment to contact."""
    return max(0, round((contacted_at - owned.first_assigned_at).total_seconds() * 1000))
