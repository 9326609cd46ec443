"""Contact that was made: whoever owns a lead stops its clock (AS-03)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment import wire
from assignment.domain.contact import UnknownLead, owner_marking_contact, response_time_ms
from assignment.domain.leads import LeadId, Owned, RepId
from assignment.store import leads as lead_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from servicekit.database import UnitOfWork


async def mark_contacted(
    uow: UnitOfWork, lead_id: LeadId, rep_id: RepId, *, at: datetime | None = None
) -> datetime:
    """Stops the clock, for contact made just now or `at` some time; returns when contact was first marked.

    Raises `UnknownLead`, and `NotTheOwner` for anybody but the owner of this moment: the row lock decides whether the
    owner or the clock was first.
    """
    stored = (await lead_store.lock_leads(uow.raw, [lead_id])).get(lead_id)
    if stored is None:
        raise UnknownLead(lead_id)
    owned = owner_marking_contact(stored, rep_id)
    if owned.contacted_at is not None:
        return owned.contacted_at
    contacted_at = at or uow.now
    await lead_store.mark_contacted(uow.raw, lead_id, contacted_at)
    event = wire.lead_contacted(
        stored.lead, rep_id, response_time_ms=response_time_ms(owned, contacted_at)
    )
    uow.publish(event, key=str(lead_id), cause=stored.lead.traceparent)
    return contacted_at


async def note_follow_ups(uow: UnitOfWork, made: Sequence[tuple[LeadId, RepId, datetime]]) -> None:
    """Stops the clocks of leads whose owners recorded that contact was made.

    Somebody else's follow-up says nothing about the owner, and a lead that is not known here has no clock: both are
    passed over.
    """
    stored = await lead_store.lock_leads(uow.raw, sorted({lead_id for lead_id, *_ in made}))
    for lead_id, rep_id, at in made:
        standing = stored[lead_id].standing if lead_id in stored else None
        if isinstance(standing, Owned) and standing.assignee_id == rep_id:
            await mark_contacted(uow, lead_id, rep_id, at=min(at, uow.now))
