"""Opportunities, brought together from what several services state about their leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.opportunities import Opportunity, Stale, State
from engagement.store.watches import UNANSWERED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from engagement.domain.opportunities import Assigned, Contacted, Ended, Owned

LISTED_MAX = 200

_COLUMNS = """
  lead_id, serial, golden_id, state, owner_id, channel, received_at, opened_at, contacted_at, into_lead_id
"""
# Rows are touched in the order of their ids, so that two batches cannot wait for each other in a circle.
_ASSIGN = f"""
insert into opportunities as kept
  (lead_id, golden_id, owner_id, assignment_no, channel, received_at, opened_at, last_touched_at)
select t.lead_id, coalesce(a.into_golden_id, t.golden_id), t.owner_id, t.assignment_no, t.channel, t.received_at,
       t.assigned_at, t.assigned_at
from unnest($1::uuid[], $2::text[], $3::text[], $4::int4[], $5::text[], $6::timestamptz[], $7::timestamptz[])
  as t (lead_id, golden_id, owner_id, assignment_no, channel, received_at, assigned_at)
left join golden_aliases a on a.golden_id = t.golden_id
order by t.lead_id
on conflict (lead_id) do update set
  golden_id = coalesce(kept.golden_id, excluded.golden_id),
  owner_id = case when kept.owner_audit_seq > 0 or kept.assignment_no > excluded.assignment_no
             then kept.owner_id else excluded.owner_id end,
  assignment_no = greatest(kept.assignment_no, excluded.assignment_no),
  channel = excluded.channel, received_at = excluded.received_at,
  opened_at = least(kept.opened_at, excluded.opened_at),
  last_touched_at = greatest(kept.last_touched_at, excluded.opened_at)
returning {_COLUMNS}
"""
_OPENED = (
    "select lead_id from opportunities where lead_id = any($1::uuid[]) and opened_at is not null"
)
_OWN = """
insert into opportunities as kept (lead_id, owner_id, owner_audit_seq)
select lead_id, owner_id, audit_seq from unnest($1::uuid[], $2::text[], $3::int8[]) as t (lead_id, owner_id, audit_seq)
order by lead_id
on conflict (lead_id) do update set owner_id = excluded.owner_id, owner_audit_seq = excluded.owner_audit_seq
where kept.owner_audit_seq < excluded.owner_audit_seq
"""
_CONTACT = """
insert into opportunities as kept (lead_id, contacted_at, last_touched_at)
select lead_id, contacted_at, contacted_at from unnest($1::uuid[], $2::timestamptz[]) as t (lead_id, contacted_at)
order by lead_id
on conflict (lead_id) do update set
  contacted_at = least(kept.contacted_at, excluded.contacted_at),
  last_touched_at = greatest(kept.last_touched_at, excluded.last_touched_at),
  is_stale_told = kept.is_stale_told and kept.last_touched_at >= excluded.last_touched_at
"""
_END = f"""
insert into opportunities as kept (lead_id, state, into_lead_id)
select lead_id, case when into_lead_id is null then {State.WITHDRAWN} else {State.JOINED} end, into_lead_id
from unnest($1::uuid[], $2::uuid[]) as t (lead_id, into_lead_id)
order by lead_id
on conflict (lead_id) do update set state = excluded.state, into_lead_id = excluded.into_lead_id
where kept.state not in ({State.WON:d}, {State.LOST:d})
"""
_GET = f"select {_COLUMNS} from opportunities where lead_id = $1 and opened_at is not null"
_LOCK = f"{_GET} for update"
# Open ones are downgraded by what was found about their offers, until the customer answers: a contact that proves an
# offer is no answer, nor is a call that nobody took or a chat in which the customer wrote nothing.
_SHOWN = f"""
select o.*, d.found_at as downgraded_at
from (select {_COLUMNS} from opportunities where opened_at is not null and {{which}}) o
left join lateral (
  select w.found_at from watch_finds w
  where o.state = {State.OPEN:d} and w.rule = '{UNANSWERED}' and w.subject = o.lead_id::text and not exists (
    select from contacts c left join follow_ups f on f.follow_up_id = c.follow_up_id
    where c.golden_id = o.golden_id and c.happened_at > w.since_at and coalesce(c.seconds, c.message_count, 1) > 0
      and f.response is distinct from $1
  )
  order by w.until_at desc limit 1
) d on true
"""
_SHOW = _SHOWN.format(which="lead_id = $2")
_LIST_OPEN = f"""
{_SHOWN.format(which=f"state = {State.OPEN:d} and owner_id = any($2::text[])")}
order by d.found_at is not null, o.opened_at desc, o.lead_id limit {LISTED_MAX}
"""
_OWNERS = f"select distinct owner_id from opportunities where state = {State.OPEN:d} and owner_id is not null"
_CLOSE = "update opportunities set state = $2 where lead_id = $1"
_NEWEST_OPEN = f"""
select {_COLUMNS} from opportunities where golden_id = $1 and state = {State.OPEN} and opened_at is not null
order by opened_at desc, lead_id limit 1
"""
_TOUCH = """
update opportunities as o set last_touched_at = t.at, is_stale_told = false
from (
  select lead_id, max(at) as at from (
    select o.lead_id, t.at from unnest($1::text[], $2::timestamptz[]) as t (golden_id, at)
    join opportunities o on o.golden_id = t.golden_id and o.opened_at is not null
  ) touched group by lead_id
) as t
where o.lead_id = t.lead_id and o.last_touched_at < t.at
"""
_TAKE_STALE = f"""
update opportunities set is_stale_told = true
where lead_id in (
  select lead_id from opportunities
  where state = {State.OPEN} and opened_at is not null and not is_stale_told and last_touched_at <= $1
  order by last_touched_at limit $2 for update skip locked
)
returning lead_id, golden_id, owner_id, last_touched_at
"""


async def opened(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the leads that have an opportunity."""
    return {row[0] for row in await raw.fetch(_OPENED, lead_ids)}


async def assign(raw: asyncpg.Connection, leads: Sequence[Assigned]) -> list[Opportunity]:
    """Opens opportunities, or gives them to whom assignment names last; each lead may be named once."""
    rows = await raw.fetch(
        _ASSIGN,
        [each.lead_id for each in leads],
        [each.golden_id for each in leads],
        [each.owner_id for each in leads],
        [each.assignment_no for each in leads],
        [each.channel for each in leads],
        [each.received_at for each in leads],
        [each.assigned_at for each in leads],
    )
    return [_opportunity(row) for row in rows]


async def own(raw: asyncpg.Connection, owners: Sequence[Owned]) -> None:
    """Gives opportunities to whom permissions names; each lead may be named once."""
    await raw.execute(
        _OWN,
        [each.lead_id for each in owners],
        [each.owner_id for each in owners],
        [each.audit_seq for each in owners],
    )


async def contact(raw: asyncpg.Connection, contacts: Sequence[Contacted]) -> None:
    """Keeps when contact was first made; each lead may be named once."""
    await raw.execute(
        _CONTACT,
        [each.lead_id for each in contacts],
        [each.contacted_at for each in contacts],
    )


async def end(raw: asyncpg.Connection, ended: Sequence[Ended]) -> None:
    """Ends opportunities that go on as part of another, or whose leads were none; each lead may be named once."""
    await raw.execute(_END, [each.lead_id for each in ended], [each.into_lead_id for each in ended])


async def get(raw: asyncpg.Connection, lead_id: UUID) -> Opportunity | None:
    """One opportunity."""
    row = await raw.fetchrow(_GET, lead_id)
    return None if row is None else _opportunity(row)


async def show(raw: asyncpg.Connection, lead_id: UUID, *, offer: str) -> Opportunity | None:
    """One opportunity, and whether it is downgraded; `offer` is the response of a follow-up that makes an offer."""
    row = await raw.fetchrow(_SHOW, offer, lead_id)
    return None if row is None else _opportunity(row)


async def list_open(
    raw: asyncpg.Connection, owner_ids: Sequence[str], *, offer: str
) -> list[Opportunity]:
    """Somebody's open opportunities, newest first and downgraded ones last, at most `LISTED_MAX`."""
    return [_opportunity(row) for row in await raw.fetch(_LIST_OPEN, offer, owner_ids)]


async def owners(raw: asyncpg.Connection) -> list[str]:
    """Everybody who has an open opportunity."""
    return [row[0] for row in await raw.fetch(_OWNERS)]


async def lock(raw: asyncpg.Connection, lead_id: UUID) -> Opportunity | None:
    """One opportunity, which nobody else changes until the transaction ends."""
    row = await raw.fetchrow(_LOCK, lead_id)
    return None if row is None else _opportunity(row)


async def newest_open(raw: asyncpg.Connection, golden_id: str) -> Opportunity | None:
    """The newest open opportunity of a customer."""
    row = await raw.fetchrow(_NEWEST_OPEN, golden_id)
    return None if row is None else _opportunity(row)


async def close(raw: asyncpg.Connection, lead_id: UUID, state: State) -> None:
    """Ends an opportunity as won or lost."""
    await raw.execute(_CLOSE, lead_id, state)


async def touch(raw: asyncpg.Connection, touched: Sequence[tuple[str, datetime]]) -> None:
    """Takes note of when something was done for customers: all of their opportunities were looked after then."""
    await raw.execute(
        _TOUCH, [golden_id for golden_id, _ in touched], [moment for _, moment in touched]
    )


async def take_stale(
    raw: asyncpg.Connection, *, untouched_since: datetime, limit: int
) -> list[Stale]:
    """Open opportunities that nobody has looked after since, each once until it is looked after again."""
    return [Stale(*row) for row in await raw.fetch(_TAKE_STALE, untouched_since, limit)]


def _opportunity(row: asyncpg.Record) -> Opportunity:
    return Opportunity(**{**dict(row), "state": State(row["state"])})
