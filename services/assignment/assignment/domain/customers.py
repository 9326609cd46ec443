"""Customers who turn out to be one: which of their conversations goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.leads import Owned

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from assignment.domain.leads import LeadId, StoredLead


def going_on(open_leads: Iterable[StoredLead]) -> StoredLead | None:
    """The open lead that the others join: one whose owner made contact, else one that has an owner, else the oldest."""
    return min(open_leads, key=_seniority, default=None)


def _seniority(stored: StoredLead) -> tuple[int, datetime, LeadId]:
    standing = stored.standing
    if not isinstance(standing, Owned):
        return (2, stored.lead.received_at, stored.lead.lead_id)
    since = standing.contacted_at or standing.first_assigned_at
    return (int(standing.contacted_at is None), since, stored.lead.lead_id)
