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

# Every step from few rows to a large table is a lateral look-up that the planner may not turn into a join (`offset 0`):
# it cannot know how few there are, and would read the table.
CUSTOMER = """
asked as materialized (
  select coalesce(
    (select customer_id from aliases where golden_id = $1),
    (select customer_id from aliases where master_id = $1),
    (select (select r.customer_id from records r where r.record_id = s.record_id) from sources s where s.lead_id = $2),
    (select (select a.customer_id from aliases a where a.golden_id = l.golden_id) from leads l where l.lead_id = $2)
  ) as customer_id
), c as materialized (
  select * from customers where customer_id = (select customer_id from asked)
), r as materialized (
  select record_id, keys, digest, sealed_features from records where customer_id = (select customer_id from c)
), s as materialized (
  select s.* from r cross join lateral (select * from sources where sources.record_id = r.record_id offset 0) s
), k as materialized (
  select distinct held.key from r cross join unnest(r.keys) as held (key)
  where not exists (select from generic_keys g where g.key = held.key offset 0)
), n as materialized (
  select 'lead:' || s.lead_id as reference from s where s.lead_id is not null
  union
  select 'customer:' || golden_id from aliases where customer_id = (select customer_id from c)
  union
  select 'customer:' || master_id from aliases where customer_id = (select customer_id from c)
), named as materialized (
  select facts.fact_id, facts.kind, facts.happened_at from n cross join lateral (
    select fact_id, kind, happened_at from facts
    where facts.reference = n.reference and facts.reference <> '' offset 0
  ) facts
)"""
"""Who is meant, by Golden ID, master id or lead (`$1`, `$2`), and by what facts are theirs: keys `k`, or `named`."""

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
    select * from named
  ) found order by fact_id, happened_at desc
), p as materialized (
  select facts.* from (
    select t.fact_id from k cross join lateral (
      select fact_id from fact_tokens t
      where t.token = k.key and t.kind = {FactKind.PAYMENT:d} and t.happened_at >= $4
      order by t.happened_at desc limit {PAYMENTS_MAX}
    ) t
    union
    select fact_id from named where kind = {FactKind.PAYMENT:d} and happened_at >= $4
  ) found cross join lateral (select * from facts where facts.fact_id = found.fact_id offset 0) facts
)"""


def _listed(kind: FactKind) -> str:
    return f"""(
  select coalesce(jsonb_agg(to_jsonb(x) order by x.happened_at desc, x.fact_id), '[]') from (
    select facts.* from (
      select fact_id from f where kind = {kind:d} order by happened_at desc, fact_id limit $3
    ) newest cross join lateral (select * from facts where facts.fact_id = newest.fact_id offset 0) facts
  ) x
)"""


_RELATED = f"""
shared as materialized (
  select distinct t.token, t.kind from r cross join lateral (
    select token, kind from relation_keys where relation_keys.record_id = r.record_id offset 0
  ) t
  where not exists (select from generic_keys g where g.key = t.token offset 0)
), nodes as materialized (
  select customer_id, array_agg(distinct kind order by kind) as kinds from (
    select o.customer_id, shared.kind from shared
    cross join lateral (
      select record_id, count(*) over () as holders from (
        select record_id from relation_keys where token = shared.token limit {SHARED_MAX + 1}
      ) few
    ) x
    cross join lateral (select customer_id from records where records.record_id = x.record_id offset 0) o
    where x.holders <= {SHARED_MAX} and o.customer_id <> (select customer_id from c)
  ) others
  group by customer_id order by customer_id limit {RELATED_MAX + 1}
), m as materialized (
  select l.lead_id, l.channel, l.received_at, t.assignee_id, t.owner_id, t.lease_state, t.contacted_at, t.merged_into,
    coalesce(t.is_withdrawn, false) as is_withdrawn
  from s
  cross join lateral (select * from leads where leads.lead_id = s.lead_id offset 0) l
  left join lateral (select * from lead_states where lead_states.lead_id = s.lead_id offset 0) t on true
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
  (select jsonb_build_object(
    'total', count(*), 'open', count(*) filter (where merged_into is null and not is_withdrawn)
  ) from m) as lead_counts,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.received_at desc, x.lead_id), '[]') from (
    select * from m order by received_at desc, lead_id limit $3
  ) x) as leads,
  (select coalesce(jsonb_object_agg(kind, number), '{{}}') from (
    select kind, count(*) as number from f group by kind
  ) x) as fact_counts,
  {_listed(FactKind.INTERACTION)} as interactions,
  {_listed(FactKind.CONTRACT)} as contracts,
  {_listed(FactKind.PAYMENT)} as payments,
  {_listed(FactKind.TICKET)} as tickets,
  (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
    select facts.word, facts.closed_at is null as is_open, count(*) as number,
      coalesce(sum(extract(epoch from facts.closed_at - facts.happened_at)), 0)::bigint as solved_in_s
    from f cross join lateral (select * from facts where facts.fact_id = f.fact_id offset 0) facts
    where f.kind = {FactKind.TICKET:d} group by 1, 2
  ) x) as ticket_types,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.month, x.currency), '[]') from (
    select to_char(happened_at at time zone 'UTC', 'YYYY-MM') as month, currency,
      coalesce(sum(amount_minor) filter (where status = 'received'), 0)::bigint as received_minor,
      coalesce(sum(amount_minor) filter (where status = 'refunded'), 0)::bigint as refunded_minor,
      count(*) filter (where status = 'received') as received_count
    from p where status in ('received', 'refunded') and happened_at >= $4 group by 1, 2
  ) x) as months,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.customer_id), '[]') from (
    select nodes.customer_id, nodes.kinds, o.golden_id, o.master_id, array(
      select s2.lead_id from (
        select record_id from records where records.customer_id = nodes.customer_id offset 0
      ) r2 cross join lateral (select lead_id from sources where sources.record_id = r2.record_id offset 0) s2
      where s2.lead_id is not null limit {LEADS_TOLD_MAX}
    ) as lead_ids
    from nodes cross join lateral (select * from customers where customers.customer_id = nodes.customer_id offset 0) o
  ) x) as related,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.name), '[]') from (
    select t.name, t.source from (
      select tag_id from customer_tags where customer_tags.customer_id = c.customer_id offset 0
    ) mine cross join lateral (select * from tags where tags.tag_id = mine.tag_id offset 0) t
  ) x) as tags,
  (select coalesce(jsonb_agg(to_jsonb(x) order by x.changed_at desc, x.what), '[]') from (
    select * from (
      select distinct g.kind::int as kind, '' as what, g.actor, g.made_at as changed_at from r
      cross join lateral (
        select regrouping_id from moves where moves.record_id = r.record_id order by 1 desc limit {CHANGES_MAX}
      ) moved
      cross join lateral (select * from regroupings g where g.regrouping_id = moved.regrouping_id offset 0) g
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
