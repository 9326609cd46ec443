"""Leads that their owners gave back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from assignment.domain.leads import LeadId, RepId

_COUNT = "select count(*) from declines where rep_id = $1 and declined_at >= $2"
_ADD = """
insert into declines (lead_id, assignment_no, rep_id, declined_at, reason) values ($1, $2, $3, $4, $5)
"""


async def declined_since(raw: asyncpg.Connection, rep_id: RepId, since: datetime) -> int:
    """How many leads a rep has given back since a moment."""
    return int(await raw.fetchval(_COUNT, rep_id, since))


async def add_decline(
    raw: asyncpg.Connection,
    lead_id: LeadId,
    rep_id: RepId,
    *,
    assignment_no: int,
    declined_at: datetime,
    reason: str,
) -> None:
    """Keeps that an owner gave a lead back."""
    await raw.execute(_ADD, lead_id, assignment_no, rep_id, declined_at, reason)
