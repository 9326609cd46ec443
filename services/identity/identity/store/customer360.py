"""One customer from every side, in one statement: one round trip whatever there is to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from identity.domain.facts import FactKind

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

FACTS_MAX = 2000
"""Newest facts of one kind and identifier that are looked at; the time for an answer is so bounded."""
PAYMENTS_MAX = 20_000
"""Payments of one identifier in twelve months that are added up."""
RELATED_MAX = 49
"""Other customers in a graph of fifty."""
SHARED_MAX = 64
"""Records that may share a thing before it says nothing: as many as a key may have (`matchkit`)."""
LEADS_TOLD_MAX = 20
"""Leads of a related customer by which a caller's right to know them is judged."""
CHANGES_MAX = 20

CUSTOMER = """
asked as (
  select coalesce(
    (select customer_id from aliases where golden_id = $1),
    (select customer_id from aliases where master_id = $1),
    (select r.customer_id from sources s join records r using (record_id) where s.lead_id = $2),
    (select a.customer_id from leads l join aliases a using (golden_id) where l.lead_id = $2)
  ) as customer_id
), c as materialized (
  select c.* from customers c join asked using (customer_id)
), r as materialized (
  select r.record_id, r.keys, r.digest, r.sealed_features from records r join c using (customer_id)
), s as materialized (
  select s.* from sources s join r using (record_id)
), k as materialized (
  select distinct key from r cross join unnest(r.keys) as key
  where not exists (select from generic_keys g where g.key = key)
), n as materialized (
  select 'lead:' || s.lead_id as reference from s where s.lead_id is not null
  union
  select 'customer:' || a.golden_id from aliases a join c using (customer_id)
  union
  select 'customer:' || a.master_id from aliases a join c using (customer_id)
)"""
"""Who is meant, by Golden ID, master id or lead (`$1`, `$2`), and by what facts are theirs: `k` and `n`."""

_KINDS = ", ".join(f"({kind:d})" for kind in FactKind)
_FACTS = f"""
f as materialized (
  select distinct on (fact_id) fact_id, kind, happened_at from (
    select t.fact_id, t.kind, t.happened_at from k
    cross join (values {_KINDS}) as kinds (kind)
    cross join lateral (
      select t.fact_id, t.kind, t.happened_at from fact_tokens t where t.token = k.key and t.kind = kinds.kind
      order by t.happened_at desc limit {FACTS_MAX}
    ) t
    union all
    select fact_id, kind, happened_at from facts join n using (reference)
  ) found order by fact_id, happened_at desc
), p as materialized (
  select distinct t.fact_id from k cross join lateral (
    select fact_id from fact_tokens t
    where t.token = k.key and t.kind = {FactKind.PAYMENT:d} and t.happened_at >= $4
    order by t.happened_at desc limit {PAYMENTS_MAX}
  ) t
  union
  select fact_id from facts join n using (reference) where kind = {FactKind.PAYMENT:d} and happened_at >= $4
)"""


def _listed(kind: FactKind) -> str:
    return f"""(
  select coalesce(jsonb_agg(to_jsonb(x) order by x.happened_at desc, x.fact_id), '[]') from (
    select facts.* from f join facts using (fact_id) where f.kind = {kind:d}
    order by f.happened_at desc, fact_id limit $3
  ) x
)"""


_RELATED = f"""
others as materialized (
  select distinct r2.customer_id, shared.kind from (
    select x.record_id, mine.kind from (
      select distinct token, kind from relation_keys t join r using (record_id)
      where not exists (select from generic_keys g where g.key = t.token)
    ) mine
    cross join lateral (
      select record_id, count(*) over () as holders from (
        select record_id from relation_keys where token = mine.token limit {SHARED_MAX + 1}
      ) few
    ) x
    where x.holders <= {SHARED_MAX}
  ) shared join records r2 using (record_id) where r2.customer_id <> (select customer_id from c)
), nodes as materialized (
  select customer_id, array_agg(kind order by kind) as kinds from others
  group by customer_id order by customer_id limit {RELATED_MAX + 1}
)"""

_ABOUT = f"""
with {CUSTOMER}, {_FACTS}, {_RELATED}
select c.customer_id, c.golden_id, c.master_id, c.first_seen_at, c.version,
  (select sealed_record from golden_records g where g.customer_id = c.customer_id) as sealed_record,
  (select count(*) from s) as source_count,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.modified_at desc, x.source_id), '[]') from (
    select source_id, system, lead_id, first_seen_at, modified_at, received_at, verified_at from s
    order by modified_at desc, source_id limit $3
  ) x) as sources,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.system), '[]') from (
    select system, max(modified_at) as modified_at, max(received_at) as received_at, max(verified_at) as verified_at
    from s group by system
  ) x) as freshness,
  array(select s.lead_id from s where s.lead_id is not null order by s.lead_id limit 1000) as lead_ids,
  (select jsonb_build_object('total', count(*), 'open', count(*) filter (
      where m.merged_into is null and not coalesce(m.is_withdrawn, false)))
    from s join leads l using (lead_id) left join lead_states m using (lead_id)) as lead_counts,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.received_at desc, x.lead_id), '[]') from (
    select l.lead_id, l.channel, l.received_at, m.assignee_id, m.owner_id, m.lease_state, m.contacted_at, m.merged_into,
      coalesce(m.is_withdrawn, false) as is_withdrawn
    from s join leads l using (lead_id) left join lead_states m using (lead_id)
    order by l.received_at desc, l.lead_id limit $3
  ) x) as leads,
  (select coalesce(jsonb_object_agg(kind, number), '{{}}') from (
    select kind, count(*) as number from f group by kind
  ) x) as fact_counts,
  {_listed(FactKind.INTERACTION)} as interactions,
  {_listed(FactKind.CONTRACT)} as contracts,
  {_listed(FactKind.PAYMENT)} as payments,
  {_listed(FactKind.TICKET)} as tickets,
  (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
    select word, closed_at is null as is_open, count(*) as number,
      coalesce(sum(extract(epoch from closed_at - facts.happened_at)), 0)::bigint as solved_in_s
    from f join facts using (fact_id) where f.kind = {FactKind.TICKET:d} group by word, closed_at is null
  ) x) as ticket_types,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.month, x.currency), '[]') from (
    select to_char(happened_at at time zone 'UTC', 'YYYY-MM') as month, currency,
      coalesce(sum(amount_minor) filter (where status = 'received'), 0)::bigint as received_minor,
      coalesce(sum(amount_minor) filter (where status = 'refunded'), 0)::bigint as refunded_minor,
      count(*) filter (where status = 'received') as received_count
    from p join facts using (fact_id)
    where status in ('received', 'refunded') and happened_at >= $4 group by 1, 2
  ) x) as months,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.customer_id), '[]') from (
    select nodes.customer_id, nodes.kinds, o.golden_id, o.master_id, array(
      select s2.lead_id from records r2 join sources s2 using (record_id)
      where r2.customer_id = nodes.customer_id and s2.lead_id is not null limit {LEADS_TOLD_MAX}
    ) as lead_ids
    from nodes join customers o using (customer_id)
  ) x) as related,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.name), '[]') from (
    select t.name, t.source from customer_tags m join tags t using (tag_id) where m.customer_id = c.customer_id
  ) x) as tags,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.changed_at desc, x.what), '[]') from (
    select * from (
      select distinct g.kind::int as kind, '' as what, g.actor, g.made_at as changed_at
      from moves m join regroupings g using (regrouping_id) join r using (record_id)
      union all
      (select 0, g.field, g.actor, g.changed_at from golden_changes g
       where g.customer_id = c.customer_id and g.field <> '' order by g.change_id desc limit {CHANGES_MAX})
    ) changes order by changed_at desc limit {CHANGES_MAX}
  ) x) as changes
from c
"""


class Row(msgspec.Struct):
    """What the statement answers: lists are plain JSON, newest first."""

    customer_id: int
    golden_id: str
    master_id: str
    first_seen_at: datetime
    version: int
    sealed_record: bytes | None
    lead_ids: list[UUID]
    parts: dict[str, Any]


async def about(
    raw: asyncpg.Connection,
    *,
    customer_id: str,
    lead_id: UUID | None,
    list_size: int,
    paid_since: datetime,
) -> Row | None:
    """Everything about the customer with this Golden ID or master id, or of this lead; None when there is none."""
    row = await raw.fetchrow(_ABOUT, customer_id, lead_id, list_size, paid_since)
    if row is None:
        return None
    parts = {name: msgspec.json.decode(row[name]) for name in _JSON}
    parts["source_count"] = row["source_count"]
    plain = {name: row[name] for name in Row.__struct_fields__ if name != "parts"}
    return Row(parts=parts, **plain)


_JSON = (
    "sources",
    "freshness",
    "lead_counts",
    "leads",
    "fact_counts",
    "interactions",
    "contracts",
    "payments",
    "tickets",
    "ticket_types",
    "months",
    "related",
    "tags",
    "changes",
)
