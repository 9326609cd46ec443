"""What bears on contacting a customer, in one statement, and customers' own wishes not to be contacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from identity.domain.contactability import Suppressed
from identity.domain.facts import FactKind
from identity.store.customer360 import CUSTOMER, FACTS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from identity.domain.contactability import Objection

STATEMENTS_MAX = 200
COMPLAINT_DAYS = 730
"""A ticket that has been open for two years was forgotten, not left unsolved."""

# A chat counts when we began it; a call, a mail or a meeting unless the customer did.
_SITUATION = f"""
with {CUSTOMER}, known as materialized (
  select facts.* from (
    select t.fact_id from k
    cross join (values
      ({FactKind.CONTRACT:d}, $3::timestamptz), ({FactKind.TICKET:d}, $4), ({FactKind.INTERACTION:d}, $3)
    ) as kinds (kind, since)
    cross join lateral (
      select t.fact_id from fact_tokens t
      where t.token = k.key and t.kind = kinds.kind and t.happened_at >= kinds.since
      order by t.happened_at desc limit {FACTS_MAX}
    ) t
    union
    select fact_id from named
  ) found cross join lateral (select * from facts where facts.fact_id = found.fact_id offset 0) facts
)
select c.customer_id, c.golden_id,
  array(select s.lead_id from s where s.lead_id is not null order by s.lead_id limit 1000) as lead_ids,
  array(
    select row(happened_at, system, false) from known
    where kind = {FactKind.INTERACTION:d} and happened_at >= $3 and (
      status in ('call', 'email', 'meeting') and is_inbound is not true or status = 'chat' and is_inbound is false)
  ) || array(
    select row(m.contacted_at, 'leadchain', true) from s cross join lateral (
      select contacted_at from lead_states where lead_states.lead_id = s.lead_id offset 0
    ) m where m.contacted_at >= $3
  ) as touches,
  array(
    select row(happened_at, system) from known
    where kind = {FactKind.TICKET:d} and closed_at is null and happened_at >= $4 and lower(trim(word)) = any($5::text[])
  ) as complaints,
  array(
    select row(happened_at, system) from known
    where kind = {FactKind.CONTRACT:d} and status = 'signed' and happened_at >= $3
  ) as signings,
  array(
    select distinct row(o.purpose, o.channel, o.made_at, o.until) from k
    cross join lateral (select objection_id from objection_tokens t where t.token = k.key offset 0) t
    cross join lateral (select * from objections where objections.objection_id = t.objection_id offset 0) o
    where o.withdrawn_at is null
  ) as objections,
  case when exists (select from suppressed_indexes) then array(
    select row(s.key_digest, t.sealed_fields) from s cross join lateral (
      select sealed_fields from statements where statements.source_id = s.source_id and is_current offset 0
    ) t limit {STATEMENTS_MAX}
  ) else array[]::record[] end as statements
from c
"""
_IDENTIFIERS = f"""
with {CUSTOMER}
select c.golden_id, array(select s.lead_id from s where s.lead_id is not null limit 1000) as lead_ids,
  array(select row(digest, sealed_features) from r) as records, array(select key from k) as keys
from c
"""
_SUPPRESSED = f"""
select min(suppressed_at) from suppressed_indexes
where index = any($1::bytea[]) and ($2 or purpose > {Suppressed.MARKETING:d})
"""
_OBJECT = """
with objected as (
  insert into objections (objection_id, purpose, channel, made_at, until, recorded_by)
  values ($1, $2, $3, $4, $5, $6) on conflict (objection_id) do nothing returning objection_id
)
insert into objection_tokens (token, objection_id) select t, objection_id from objected, unnest($7::bigint[]) as t
"""
_WITHDRAW = """
with withdrawn as (
  update objections set withdrawn_at = $3, withdrawn_by = $4
  where withdrawn_at is null and ($2::uuid is null or objection_id = $2)
    and objection_id in (select objection_id from objection_tokens where token = any($1::bigint[]))
  returning 1
)
select count(*) from withdrawn
"""


class Row(msgspec.Struct):
    """What the statement answers; the arrays hold tuples in the order of the domain's fields."""

    customer_id: int
    golden_id: str
    lead_ids: list[UUID]
    touches: list[tuple[datetime, str, bool]]
    complaints: list[tuple[datetime, str]]
    signings: list[tuple[datetime, str]]
    objections: list[tuple[int, int, datetime, datetime | None]]
    statements: list[tuple[bytes, bytes]]


class Identified(msgspec.Struct):
    """A customer's name, leads, sealed features with their digests, and the keys that are not everybody's."""

    golden_id: str
    lead_ids: list[UUID]
    records: list[tuple[bytes, bytes]]
    keys: list[int]


async def situation(
    raw: asyncpg.Connection,
    *,
    customer_id: str,
    lead_id: UUID | None,
    since: datetime,
    complaints_since: datetime,
    complaint_types: Iterable[str],
) -> Row | None:
    """What bears on contacting the customer with this Golden ID or master id, or of this lead; None without one."""
    row = await raw.fetchrow(
        _SITUATION, customer_id, lead_id, since, complaints_since, list(complaint_types)
    )
    return None if row is None else Row(**dict(row))


async def identified(
    raw: asyncpg.Connection, *, customer_id: str, lead_id: UUID | None
) -> Identified | None:
    """By what the customer is known; None without one."""
    row = await raw.fetchrow(_IDENTIFIERS, customer_id, lead_id)
    return None if row is None else Identified(**dict(row))


async def suppressed_at(
    raw: asyncpg.Connection, indexes: Iterable[bytes], *, is_marketing: bool
) -> datetime | None:
    """Since when somebody with one of these digests of lead-intake's is left alone; None when nobody is.

    Who wants no advertising may be contacted otherwise.
    """
    found: datetime | None = await raw.fetchval(_SUPPRESSED, list(indexes), is_marketing)
    return found


async def save_objection(
    raw: asyncpg.Connection,
    objection_id: UUID,
    objection: Objection,
    *,
    tokens: Sequence[int],
    recorded_by: str,
) -> None:
    """Writes a wish for whoever has these identifiers, unless it is written already."""
    await raw.execute(
        _OBJECT,
        objection_id,
        objection.purpose,
        objection.channel,
        objection.made_at,
        objection.until,
        recorded_by,
        tokens,
    )


async def withdraw_objections(
    raw: asyncpg.Connection,
    *,
    tokens: Sequence[int],
    objection_id: UUID | None,
    withdrawn_by: str,
    now: datetime,
) -> int:
    """Ends one wish, or every one, of whoever has these identifiers; returns how many stood."""
    ended: int = await raw.fetchval(_WITHDRAW, tokens, objection_id, now, withdrawn_by)
    return ended
