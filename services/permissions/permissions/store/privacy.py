"""What is kept about leads that may say whose they are: the reasons that people gave for requests about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

_FORGET = """
delete from audit_personal where seq in (
  select requested_seq from access_requests where resource_type = 'lead' and resource_id = any($1::text[])
) returning seq
"""
_KEPT = """
select resource_id as lead_id, owner_id, former_owner_id, assignment_no, to_timestamp(granted_at_s) as granted_at
from leases where resource_type = 'lead' and resource_id = any($1::text[]) order by resource_id
"""


async def forget_reasons(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[int]:
    """Forgets why access to these leads was requested; returns the entries whose commitments then say nothing."""
    rows = await raw.fetch(_FORGET, [str(lead_id) for lead_id in lead_ids])
    return sorted({row[0] for row in rows})


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """Who owns these leads."""
    return list(await raw.fetch(_KEPT, [str(lead_id) for lead_id in lead_ids]))
