"""Leads of the past with their first decisions, for routing them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.simulation import PastLead
from assignment.store.leads import COLUMNS, stored_lead
from assignment.store.states import STATE_ASSIGNED

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from assignment.domain.leads import RepId

# 1 and 2 are the outcomes of a rule that was asked: assigned, unassignable.
_PAST = f"""
select {COLUMNS}, first.decided_at, first.first_owner
from (
  select leads.lead_id, decisions.decided_at, decisions.assignee_id as first_owner
  from leads join decisions on decisions.lead_id = leads.lead_id and decisions.decision_no = 1
  where leads.received_at >= $1 and decisions.outcome in (1, 2)
  order by decisions.decided_at desc, leads.lead_id desc limit $2
) as first join leads using (lead_id)
order by first.decided_at, leads.received_at, leads.lead_id
"""
_OPEN_BEFORE = f"""
select assignee_id, count(*) from leads where state = {STATE_ASSIGNED} and received_at < $1 group by assignee_id
"""


async def past_leads(raw: asyncpg.Connection, since: datetime, limit: int) -> list[PastLead]:
    """The newest leads that came since a moment and were routed, in the order of their first decisions."""
    return [
        PastLead(stored_lead(row).lead, row["decided_at"], row["first_owner"])
        for row in await raw.fetch(_PAST, since, limit)
    ]


async def open_counts_before(raw: asyncpg.Connection, since: datetime) -> dict[RepId, int]:
    """Today's open leads by rep, as far as they came before a moment."""
    return dict(await raw.fetch(_OPEN_BEFORE, since))
