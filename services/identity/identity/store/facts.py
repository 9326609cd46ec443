"""Facts and the fates of leads: written by batches, so that any order of telling ends in the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.facts import FactKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from identity.domain.facts import Assigned, Contacted, Ended, Fact, Owned

KEPT_MAX = 10_000
"""Facts told to one person who asks what is kept about them."""

# Of tickets and interactions the first telling knows best when it began, of the others the last.
_SAVE = f"""
with told as (
  insert into facts as f (fact_id, kind, system, status, word, reference, detail, amount_minor, currency, happened_at,
    closed_at, duration_s, is_inbound, person, rank, stated_at)
  select * from unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
    $8::bigint[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::int[], $13::bool[], $14::text[],
    $15::smallint[], $16::timestamptz[])
  on conflict (fact_id) do update set
    status = excluded.status, word = excluded.word, detail = excluded.detail, closed_at = excluded.closed_at,
    reference = coalesce(nullif(excluded.reference, ''), f.reference),
    person = coalesce(nullif(excluded.person, ''), f.person),
    amount_minor = coalesce(excluded.amount_minor, f.amount_minor),
    currency = coalesce(nullif(excluded.currency, ''), f.currency),
    duration_s = coalesce(excluded.duration_s, f.duration_s),
    is_inbound = coalesce(excluded.is_inbound, f.is_inbound),
    happened_at = case when f.kind in ({FactKind.TICKET:d}, {FactKind.INTERACTION:d})
      then least(f.happened_at, excluded.happened_at) else excluded.happened_at end,
    rank = excluded.rank, stated_at = excluded.stated_at
  where (excluded.rank, excluded.stated_at) >= (f.rank, f.stated_at)
)
insert into fact_tokens as t (token, fact_id, kind, happened_at)
select * from unnest($17::bigint[], $18::uuid[], $19::smallint[], $20::timestamptz[])
on conflict (token, fact_id) do update set happened_at = excluded.happened_at
where t.happened_at < excluded.happened_at
"""
_ASSIGN = """
insert into lead_states as l (lead_id, assignee_id, assignment_no)
select distinct on (lead_id) * from unnest($1::uuid[], $2::text[], $3::int[]) as s (lead_id, assignee_id, number)
order by lead_id, number desc
on conflict (lead_id) do update set assignee_id = excluded.assignee_id, assignment_no = excluded.assignment_no
where excluded.assignment_no > coalesce(l.assignment_no, 0)
"""
_OWN = """
insert into lead_states as l (lead_id, owner_id, lease_state, owner_seq)
select distinct on (lead_id) * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
  as s (lead_id, owner_id, lease_state, seq)
order by lead_id, seq desc
on conflict (lead_id) do update set
  owner_id = excluded.owner_id, lease_state = excluded.lease_state, owner_seq = excluded.owner_seq
where excluded.owner_seq > coalesce(l.owner_seq, -1)
"""
_CONTACT = """
insert into lead_states as l (lead_id, contacted_by, contacted_at)
select distinct on (lead_id) * from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as s (lead_id, rep_id, at)
order by lead_id, at
on conflict (lead_id) do update set contacted_by = excluded.contacted_by, contacted_at = excluded.contacted_at
where excluded.contacted_at < coalesce(l.contacted_at, 'infinity')
"""
_END = """
insert into lead_states as l (lead_id, merged_into, is_withdrawn)
select distinct on (lead_id) lead_id, into_id, into_id is null
from unnest($1::uuid[], $2::uuid[]) as s (lead_id, into_id) order by lead_id
on conflict (lead_id) do update set
  merged_into = coalesce(excluded.merged_into, l.merged_into), is_withdrawn = l.is_withdrawn or excluded.is_withdrawn
"""
_FORGET_FACTS = """
with gone as (
  delete from facts where fact_id in (select fact_id from fact_tokens where token = any($1::bigint[]))
    or reference = any($2::text[]) returning fact_id
), loosened as (delete from fact_tokens where fact_id in (select fact_id from gone))
select count(*) from gone
"""
_FORGET_LEADS = """
with gone as (delete from lead_states where lead_id = any($1::uuid[]) returning 1) select count(*) from gone
"""
_FORGET_RELATIONS = "delete from relation_keys where record_id = any($1::bigint[])"
# Of each lead every record that it ever stated counts; an identifier that somebody else's source gives, too, is shared.
_KNOWN_BY = """
with theirs as materialized (
  select distinct t.record_id from sources s join statements t using (source_id) where s.lead_id = any($1::uuid[])
  union
  select s.record_id from sources s where s.lead_id = any($1::uuid[]) and s.record_id is not null
), named as materialized (
  select distinct key from theirs join records r using (record_id) cross join unnest(r.keys) as key
)
select key, exists (
  select from record_keys k join sources s using (record_id)
  where k.key = named.key and s.deleted_at is null and (s.lead_id is null or s.lead_id <> all($1::uuid[]))
) as is_shared, array(select record_id from theirs) as record_ids
from named
"""
_SUPPRESS = """
insert into suppressed_indexes (index, purpose, suppressed_at)
select distinct i, $2::smallint, $3::timestamptz from unnest($1::bytea[]) as i
on conflict (index, purpose) do nothing
"""
_UNSUPPRESS = "delete from suppressed_indexes where index = any($1::bytea[]) and purpose = $2"
_KEPT = f"""
select kind, system, status, word, reference, amount_minor, currency, happened_at, closed_at, duration_s, is_inbound
from facts where fact_id in (select fact_id from fact_tokens where token = any($1::bigint[]))
  or reference = any($2::text[])
order by happened_at, fact_id limit {KEPT_MAX}
"""


async def save(raw: asyncpg.Connection, facts: Sequence[Fact]) -> None:
    """Writes what was told, each fact once (`domain.facts.settled`); what is known better stays."""
    named = [(token, fact) for fact in facts for token in sorted(fact.tokens)]
    await raw.execute(
        _SAVE,
        *_columns(facts),
        [token for token, _ in named],
        [fact.fact_id for _, fact in named],
        [fact.kind for _, fact in named],
        [fact.happened_at for _, fact in named],
    )


async def assign(raw: asyncpg.Connection, stated: Sequence[Assigned]) -> None:
    """Writes who was given leads; the last assignment of each stands."""
    await raw.execute(
        _ASSIGN,
        [each.lead_id for each in stated],
        [each.assignee_id for each in stated],
        [each.assignment_no for each in stated],
    )


async def own(raw: asyncpg.Connection, stated: Sequence[Owned]) -> None:
    """Writes whose leads are; the last entry of permissions' audit log stands."""
    await raw.execute(
        _OWN,
        [each.lead_id for each in stated],
        [each.owner_id for each in stated],
        [each.lease_state for each in stated],
        [each.audit_seq for each in stated],
    )


async def contact(raw: asyncpg.Connection, stated: Sequence[Contacted]) -> None:
    """Writes that contact was made; the first stands."""
    await raw.execute(
        _CONTACT,
        [each.lead_id for each in stated],
        [each.rep_id for each in stated],
        [each.contacted_at for each in stated],
    )


async def end(raw: asyncpg.Connection, stated: Sequence[Ended]) -> None:
    """Writes that leads are no longer leads of their own."""
    await raw.execute(
        _END, [each.lead_id for each in stated], [each.into_lead_id for each in stated]
    )


async def known_by(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID]
) -> tuple[list[int], list[int], list[int]]:
    """By what the people of leads are known: tokens that nobody else has, tokens that others have too, records."""
    rows = await raw.fetch(_KNOWN_BY, lead_ids)
    own = [row["key"] for row in rows if not row["is_shared"]]
    shared = [row["key"] for row in rows if row["is_shared"]]
    return own, shared, rows[0]["record_ids"] if rows else []


async def suppress(
    raw: asyncpg.Connection, indexes: Iterable[bytes], purpose: int, *, now: datetime
) -> None:
    """Writes that whoever has one of these digests of lead-intake's is left alone, from the first time on."""
    await raw.execute(_SUPPRESS, list(indexes), purpose, now)


async def unsuppress(raw: asyncpg.Connection, indexes: Iterable[bytes], purpose: int) -> None:
    """Takes that back, for one purpose."""
    await raw.execute(_UNSUPPRESS, list(indexes), purpose)


async def forget(
    raw: asyncpg.Connection,
    *,
    tokens: Sequence[int],
    record_ids: Sequence[int],
    lead_ids: Sequence[UUID],
) -> int:
    """Deletes the facts about whoever has these identifiers and leads; returns how many rows held something.

    Objections and suppressions stay: without them whoever was forgotten would be called again.
    """
    facts: int = await raw.fetchval(_FORGET_FACTS, tokens, _references(lead_ids))
    leads: int = await raw.fetchval(_FORGET_LEADS, lead_ids)
    await raw.execute(_FORGET_RELATIONS, record_ids)
    return facts + leads


async def kept(
    raw: asyncpg.Connection, *, tokens: Sequence[int], lead_ids: Sequence[UUID]
) -> list[asyncpg.Record]:
    """The facts about whoever has these identifiers and leads, oldest first, at most 10,000."""
    return list(await raw.fetch(_KEPT, tokens, _references(lead_ids)))


def _columns(facts: Sequence[Fact]) -> tuple[list[object], ...]:
    rows = [
        (
            fact.fact_id,
            fact.kind,
            fact.system,
            fact.status,
            fact.word,
            fact.reference,
            fact.detail,
            fact.amount_minor,
            fact.currency,
            fact.happened_at,
            fact.closed_at,
            fact.duration_s,
            fact.is_inbound,
            fact.person,
            fact.rank,
            fact.stated_at,
        )
        for fact in facts
    ]
    return tuple(map(list, zip(*rows, strict=True)))


def _references(lead_ids: Iterable[UUID]) -> list[str]:
    return [f"lead:{lead_id}" for lead_id in lead_ids]
