"""The public pool: leads without owners that wait for nobody, and who claimed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.store.leads import COLUMNS, stored_lead
from assignment.store.states import STATE_ASSIGNED, STATE_POOLED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from assignment.domain.leads import LeadId, Owned, RepId, StoredLead

_POOL = f"""
update leads set state = {STATE_POOLED}, pooled_from = assignee_id, pooled_at = $2, assignee_id = null,
  contact_due_at = null, decision_count = decision_count + 1
where lead_id = any($1::uuid[])
"""
_OWN = f"""
update leads set state = {STATE_ASSIGNED}, assignee_id = $2, assignment_no = $3, contact_due_at = $4,
  first_assigned_at = $5, contacted_at = null, accepted_at = null, pooled_at = null, pooled_from = null,
  decision_count = decision_count + 1
where lead_id = $1
"""
_LIST = f"""
select {COLUMNS} from leads where state = {STATE_POOLED} order by pooled_at desc, lead_id limit $1
"""
_COUNT = "select count(*) from pool_claims where rep_id = $1 and claimed_at >= $2"
_ADD = (
    "insert into pool_claims (lead_id, assignment_no, rep_id, claimed_at) values ($1, $2, $3, $4)"
)


async def pool(raw: asyncpg.Connection, lead_ids: Sequence[LeadId], pooled_at: datetime) -> None:
    """Takes locked leads from their owners, for everybody; each has one more decision."""
    await raw.execute(_POOL, lead_ids, pooled_at)


async def own(raw: asyncpg.Connection, lead_id: LeadId, owned: Owned) -> None:
    """Gives a locked lead of the pool to an owner, as if it were new; it has one more decision."""
    await raw.execute(
        _OWN,
        lead_id,
        owned.assignee_id,
        owned.assignment_no,
        owned.contact_due_at,
        owned.first_assigned_at,
    )


async def list_pool(raw: asyncpg.Connection, limit: int) -> list[StoredLead]:
    """Leads in the pool, those that came last first."""
    return [stored_lead(row) for row in await raw.fetch(_LIST, limit)]


async def claimed_since(raw: asyncpg.Connection, rep_id: RepId, since: datetime) -> int:
    """How many leads a rep has claimed since a moment; their load's lock guards the count."""
    return int(await raw.fetchval(_COUNT, rep_id, since))


async def add_claim(raw: asyncpg.Connection, lead_id: LeadId, owned: Owned) -> None:
    """Keeps that somebody claimed a lead."""
    await raw.execute(
        _ADD, lead_id, owned.assignment_no, owned.assignee_id, owned.first_assigned_at
    )
