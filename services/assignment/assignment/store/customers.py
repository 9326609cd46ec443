"""Whose leads are whose after customers merged and parted; and the Golden IDs that stand for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assignment.domain.decisions import Outcome
from assignment.store.states import STATE_MERGED, STATE_WAITING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    import asyncpg

    from assignment.domain.leads import LeadId, RepId

_CURRENT = "select golden_id, into_golden_id from golden_aliases where golden_id = any($1::text[])"
_ALIAS = """
insert into golden_aliases (golden_id, into_golden_id) select golden_id, $2 from unnest($1::text[]) as golden_id
on conflict (golden_id) do update set into_golden_id = excluded.into_golden_id
"""
_FOLLOW = "update golden_aliases set into_golden_id = $2 where into_golden_id = any($1::text[])"
_UNALIAS = "delete from golden_aliases where golden_id = any($1::text[])"
_OPEN = f"select lead_id from leads where golden_id = any($1::text[]) and state < {STATE_MERGED}"
_JOIN = f"""
update leads set state = {STATE_MERGED}, into_lead_id = $2, assignee_id = null, contact_due_at = null,
  decision_count = decision_count + 1
where lead_id = any($1::uuid[])
"""
_JOIN_TOO = "update leads set into_lead_id = $2 where into_lead_id = any($1::uuid[])"
_REKEY = "update leads set golden_id = $2 where golden_id = any($1::text[])"
_TAKE_ALONG = "update leads set golden_id = $2 where lead_id = any($1::uuid[])"
_REOPEN = f"""
update leads set state = {STATE_WAITING}, into_lead_id = null, tried_openings = -1
where lead_id = (
  select l.lead_id from leads l join leads o on o.lead_id = l.into_lead_id
  where l.golden_id = $1 and l.state = {STATE_MERGED} and o.golden_id <> $1
    and not exists (select from leads p where p.golden_id = $1 and p.state < {STATE_MERGED})
  order by l.received_at, l.lead_id limit 1
) returning lead_id
"""
_REJOIN = f"""
update leads set into_lead_id = $2
where golden_id = $1 and state = {STATE_MERGED} and lead_id <> $2
"""
# Each half has an index of its own: of open leads, and of those that are not open any longer.
_LAST_OWNERS = f"""
select distinct on (former.golden_id) former.golden_id, decisions.assignee_id
from (
  select golden_id, lead_id from leads where golden_id = any($1::text[]) and state >= {STATE_MERGED}
  union all
  select golden_id, lead_id from leads where golden_id = any($1::text[]) and state < {STATE_MERGED}
) as former join decisions using (lead_id)
where decisions.assignee_id is not null or decisions.outcome = {Outcome.POOLED:d}
order by former.golden_id, decisions.decided_at desc, decisions.decision_no desc
"""


async def current_ids(raw: asyncpg.Connection, golden_ids: Collection[str]) -> dict[str, str]:
    """What those of the Golden IDs stand for that are no customer's main id any longer."""
    return dict(await raw.fetch(_CURRENT, list(golden_ids)))


async def alias(raw: asyncpg.Connection, golden_ids: Sequence[str], into: str) -> None:
    """Lets Golden IDs, and whatever stands for them, stand for another customer from now on."""
    await raw.execute(_UNALIAS, [into])
    await raw.execute(_FOLLOW, golden_ids, into)
    await raw.execute(_ALIAS, golden_ids, into)


async def unalias(raw: asyncpg.Connection, golden_ids: Sequence[str]) -> None:
    """Makes Golden IDs customers of their own again."""
    await raw.execute(_UNALIAS, golden_ids)


async def open_leads_of(raw: asyncpg.Connection, golden_ids: Sequence[str]) -> list[LeadId]:
    """The open leads of customers."""
    return [row[0] for row in await raw.fetch(_OPEN, golden_ids)]


async def last_owners(raw: asyncpg.Connection, golden_ids: Collection[str]) -> dict[str, RepId]:
    """Who last had a lead of each customer that anybody ever had one of; not whoever lost it to the pool since."""
    rows = await raw.fetch(_LAST_OWNERS, list(golden_ids))
    return {golden_id: rep_id for golden_id, rep_id in rows if rep_id is not None}


async def join(raw: asyncpg.Connection, lead_ids: Sequence[LeadId], into: LeadId) -> None:
    """Lets locked open leads, and whatever had joined them, join another; each has one more decision."""
    await raw.execute(_JOIN, lead_ids, into)
    await raw.execute(_JOIN_TOO, lead_ids, into)


async def rekey(raw: asyncpg.Connection, golden_ids: Sequence[str], into: str) -> None:
    """Makes customers' leads another's; of all of them one may be open."""
    await raw.execute(_REKEY, golden_ids, into)


async def take_along(raw: asyncpg.Connection, lead_ids: Sequence[UUID], golden_id: str) -> None:
    """Makes leads a customer's; of their leads one may be open."""
    await raw.execute(_TAKE_ALONG, lead_ids, golden_id)


async def reopen(raw: asyncpg.Connection, golden_id: str) -> LeadId | None:
    """Lets a customer's oldest lead that had joined somebody else's wait for an owner, and the others join it.

    None when the customer has an open lead, or none that had joined another's.
    """
    lead_id: LeadId | None = await raw.fetchval(_REOPEN, golden_id)
    if lead_id is not None:
        await raw.execute(_REJOIN, golden_id, lead_id)
    return lead_id
