"""The contact clock (AS-03): what happens when an owner has not made contact in time, and who may stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.errors import Forbidden, NotFound

from assignment.domain.leads import LeadId, Owned, RepId

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from assignment.domain.candidates import Router
    from assignment.domain.leads import Standing, StoredLead
    from assignment.domain.rules import ContactSla


class UnknownLead(NotFound):
    """Assignment has never seen the lead."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"no lead {lead_id}")


class NotTheOwner(Forbidden):
    """Only the rep who owns a lead can say that contact was made."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"only the owner of lead {lead_id} can mark it contacted")


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


def manager_for(
    router: Router, owned: Owned, owners: AbstractSet[RepId], sla: ContactSla
) -> RepId | None:
    """The manager of an owner who let the clock run out, if they take leads and have not had this one.

    They get it off duty and when full too. After them, or without them, it goes to the public pool.
    """
    rep = router.reps.get(owned.assignee_id)
    manager = router.reps.get(RepId(rep.manager_id)) if rep is not None else None
    if manager is None or not manager.active or owned.assignment_no > sla.max_hops + 1:
        return None
    return None if manager.rep_id in owners else manager.rep_id


def first_owner(rep_id: RepId, *, now: datetime, due_at: datetime) -> Owned:
    """A lead given to its first owner."""
    return Owned(rep_id, 1, due_at, now)


def next_owner(owned: Owned, rep_id: RepId, *, due_at: datetime) -> Owned:
    """A lead handed on, with a clock of the new owner's own."""
    return Owned(rep_id, owned.assignment_no + 1, due_at, owned.first_assigned_at)


def owner_marking_contact(stored: StoredLead, rep_id: RepId) -> Owned:
    """The assignment whose owner says that contact was made; raises `NotTheOwner` for anybody else."""
    if isinstance(stored.standing, Owned) and stored.standing.assignee_id == rep_id:
        return stored.standing
    raise NotTheOwner(stored.lead.lead_id)


def response_time_ms(owned: Owned, contacted_at: datetime) -> int:
    """Milliseconds from the first assignment to contact."""
    return max(0, round((contacted_at - owned.first_assigned_at).total_seconds() * 1000))
