"""Customers, by every id that they ever had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from identity.domain.customers import (
    Customer,
    CustomerId,
    CustomerNotFound,
    GoldenId,
    LeadId,
    MasterId,
    MatchBasis,
)
from identity.domain.golden_ids import Minted, Recipe
from identity.domain.regroupings import Alias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import asyncpg

LEADS_LISTED_MAX = 1000

_COLUMNS = "c.customer_id, c.golden_id, c.master_id, c.first_seen_at, c.record_count, c.version"
_OF = f"""
select {_COLUMNS} from aliases a join customers c using (customer_id)
where a.golden_id = $1 or a.master_id = $1
"""
_OF_LEAD = f"""
select {_COLUMNS}, l.match_basis from leads l
left join sources s on s.lead_id = l.lead_id
left join records r on r.record_id = s.record_id
left join aliases a on a.golden_id = l.golden_id
join customers c on c.customer_id = coalesce(r.customer_id, a.customer_id)
where l.lead_id = $1
"""
_BY_NUMBER = f"select {_COLUMNS} from customers c where c.customer_id = any($1::bigint[])"
_KNOWN = f"""
select a.golden_id, a.master_id, a.customer_id, a.recipe, a.key_id, a.first_seen_at,
  c.customer_id is not null, {_COLUMNS}
from unnest((select $1::text[])) as asked (golden_id)
cross join lateral (select * from aliases a where a.golden_id = asked.golden_id offset 0) a
left join lateral (
  select * from customers c where c.customer_id = a.customer_id and c.record_count = 0 offset 0
) c on true
"""
_LEADS = """
select s.lead_id from records r join sources s using (record_id)
where r.customer_id = $1 and s.lead_id is not null
union
select l.lead_id from aliases a join leads l using (golden_id) join sources s using (lead_id)
where a.customer_id = $1 and s.record_id is null
order by lead_id limit $2
"""


async def customer_of(raw: asyncpg.Connection, customer_id: str) -> Customer | None:
    """The living customer with this Golden ID or master id, also one of former times; None when nobody had it."""
    row = await raw.fetchrow(_OF, customer_id)
    return None if row is None else customer(row)


async def customer_named(raw: asyncpg.Connection, customer_id: str) -> Customer:
    """The same; raises `CustomerNotFound` when there is none."""
    customer = await customer_of(raw, customer_id)
    if customer is None:
        raise CustomerNotFound
    return customer


async def identity_of(
    raw: asyncpg.Connection, lead_id: LeadId
) -> tuple[Customer, MatchBasis] | None:
    """The present customer of a lead, and on what it was recognised; None when the lead is not on record."""
    row = await raw.fetchrow(_OF_LEAD, lead_id)
    return None if row is None else (customer(row), MatchBasis(row["match_basis"]))


async def customers(raw: asyncpg.Connection, numbers: Iterable[int]) -> dict[int, Customer]:
    """The living customers with these numbers."""
    rows = await raw.fetch(_BY_NUMBER, list(numbers))
    return {row["customer_id"]: customer(row) for row in rows}


async def given_before(
    raw: asyncpg.Connection, golden_ids: Collection[str]
) -> tuple[dict[str, Alias], dict[int, Customer]]:
    """Those of these ids that are on record, and the customers without records that they stand for."""
    aliases, empty = {}, {}
    for row in await raw.fetch(_KNOWN, list(golden_ids)):
        golden_id, master, number, recipe, key_id, since, is_empty, *columns = row
        aliases[golden_id] = Alias(Minted(golden_id, Recipe(recipe), key_id), since, number, master)
        if is_empty:
            empty[number] = of_columns(columns)
    return aliases, empty


async def leads_of(raw: asyncpg.Connection, number: CustomerId) -> list[LeadId]:
    """A customer's leads in the order of their ids, which is that of their arrival, at most 1,000."""
    rows: Sequence[asyncpg.Record] = await raw.fetch(_LEADS, number, LEADS_LISTED_MAX)
    return [LeadId(lead_id) for (lead_id,) in rows]


def customer(row: asyncpg.Record) -> Customer:
    """A customer from a row that begins with the columns of `customers`."""
    return Customer(
        CustomerId(row["customer_id"]),
        GoldenId(row["golden_id"]),
        MasterId(row["master_id"]),
        row["first_seen_at"],
        row["record_count"],
        row["version"],
    )


def of_columns(row: Sequence[Any]) -> Customer:
    """A customer from their columns in the order of `Customer`."""
    number, golden_id, *rest = row
    return Customer(CustomerId(number), GoldenId(golden_id), *rest)
