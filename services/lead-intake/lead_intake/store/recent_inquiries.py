"""What was said lately: by it the second click of a double click is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.store.items import written_array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from lead_intake.domain.leads import AccountId, LeadId

_REMEMBER = """
insert into recent_inquiries as recent (account_id, digest, lead_id, said_at, expires_at)
select * from unnest($1::text::integer[], $2::bytea[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])
  as said (account_id, digest, lead_id, said_at, expires_at)
order by account_id, digest
on conflict (account_id, digest) do update
set lead_id = case when recent.expires_at <= excluded.said_at then excluded.lead_id else recent.lead_id end,
    expires_at = case when recent.expires_at <= excluded.said_at then excluded.expires_at else recent.expires_at end
returning account_id, digest, lead_id
"""
_FORGET = """
delete from recent_inquiries where ctid = any(array(
  select ctid from recent_inquiries where expires_at < now() - interval '1 hour' limit $1 for update skip locked
))
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a lead said, as a keyed digest, and until when the same is taken for the same click."""

    account_id: AccountId
    digest: bytes
    lead_id: LeadId
    said_at: datetime
    expires_at: datetime


async def remember(
    raw: asyncpg.Connection, said: Sequence[Said]
) -> dict[tuple[AccountId, bytes], LeadId]:
    """The lead that said each first, still unexpired: its own or an earlier one. Digests must differ."""
    if not said:
        return {}
    rows = await raw.fetch(
        _REMEMBER,
        written_array(each.account_id for each in said),
        [each.digest for each in said],
        [each.lead_id for each in said],
        [each.said_at for each in said],
        [each.expires_at for each in said],
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def forget(raw: asyncpg.Connection, *, limit: int) -> int:
    """Takes out what expired more than an hour ago, at most `limit`; returns how much."""
    status: str = await raw.execute(_FORGET, limit)
    return int(status.rpartition(" ")[2])
