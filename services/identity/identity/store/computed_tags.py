"""Who has a computed tag: worked out in one statement for all customers, and written as what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.facts import FactKind
from identity.domain.statements import LEADS
from identity.domain.tags import Computation, Metric

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import asyncpg

COMPUTED_BY = "identity"

_DUE = """
select tag_id, metric, within_days, at_least from tags
where metric is not null and retired_at is null and (computed_at is null or computed_at <= $1)
order by computed_at nulls first, tag_id limit 1 for update skip locked
"""
_FACTS = """
select r.customer_id, f.fact_id, coalesce(f.amount_minor, 0) as amount
from facts f join fact_tokens t using (fact_id) join record_keys k on k.key = t.token
join records r on r.record_id = k.record_id
where f.kind = {kind:d} and f.happened_at > $1 {more} group by r.customer_id, f.fact_id
"""
_COUNTED = "select customer_id, count(*) as value from ({facts}) x group by customer_id"
_VALUES = {
    Metric.PAYMENT_COUNT: _COUNTED.format(
        facts=_FACTS.format(kind=FactKind.PAYMENT, more="and f.status = 'received'")
    ),
    Metric.PAID_FEN: "select customer_id, sum(amount) as value from ({facts}) x group by customer_id".format(
        facts=_FACTS.format(
            kind=FactKind.PAYMENT, more="and f.status = 'received' and f.currency = 'CNY'"
        )
    ),
    Metric.INTERACTION_COUNT: _COUNTED.format(
        facts=_FACTS.format(kind=FactKind.INTERACTION, more="")
    ),
    Metric.TICKET_COUNT: _COUNTED.format(facts=_FACTS.format(kind=FactKind.TICKET, more="")),
    Metric.CONTRACT_COUNT: _COUNTED.format(
        facts=_FACTS.format(kind=FactKind.CONTRACT, more="and f.status = 'signed'")
    ),
    Metric.LEAD_COUNT: f"""
select r.customer_id, count(*) as value from sources s join records r using (record_id)
where s.system = '{LEADS}' and s.first_seen_at > $1 group by r.customer_id
""",
}
# Closed shops and the rest keep a computed tag for as long as its rule holds, whatever else is said of them.
_SETTLE = """
with value as ({values}),
holders as (select customer_id, value from value where value >= $2),
ended as (
  update tag_grants g set until = $4 from aliases a
  where g.tag_id = $3 and g.until is null and a.golden_id = g.golden_id
    and not exists (select from holders h where h.customer_id = a.customer_id)
  returning a.customer_id
),
removed as (
  delete from customer_tags c where c.tag_id = $3
    and not exists (select from holders h where h.customer_id = c.customer_id)
),
granted as (
  insert into tag_grants (tag_id, golden_id, evidence, actor, since)
  select $3, c.golden_id, '{metric}=' || h.value, '{actor}', $4
  from holders h join customers c using (customer_id)
  where not exists (select from customer_tags t where t.tag_id = $3 and t.customer_id = h.customer_id)
  on conflict (tag_id, golden_id) where until is null do nothing
),
given as (
  insert into customer_tags (tag_id, customer_id) select $3, customer_id from holders on conflict do nothing returning 1
)
select (select count(*) from given), (select count(*) from ended)
"""
_COMPUTED = "update tags set computed_at = $2 where tag_id = $1"


async def next_due(raw: asyncpg.Connection, *, before: datetime) -> tuple[int, Computation] | None:
    """A computed tag last worked out `before` then or never; nobody else gets it until the transaction ends."""
    row = await raw.fetchrow(_DUE, before)
    if row is None:
        return None
    return row["tag_id"], Computation(Metric(row["metric"]), row["within_days"], row["at_least"])


async def settle(
    raw: asyncpg.Connection,
    tag_id: int,
    computation: Computation,
    *,
    now: datetime,
    window: timedelta,
) -> tuple[int, int]:
    """Gives the tag to whom its rule gives it now and takes it from the others; returns how many of each."""
    metric = computation.metric
    query = _SETTLE.format(values=_VALUES[metric], metric=metric.name.lower(), actor=COMPUTED_BY)
    given, ended = await raw.fetchrow(query, now - window, computation.at_least, tag_id, now)
    await raw.execute(_COMPUTED, tag_id, now)
    return given, ended
