"""Records as stewards see and name them: who a reference stands for, what is known of a record, what joins records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.evidence import Edge, EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    import asyncpg

MEMBERS_MAX = 1000

_OF_CUSTOMER = f"""
select record_id from records where customer_id = $1 order by record_id limit {MEMBERS_MAX}
"""
_OF_CUSTOMERS = "select customer_id, record_id from records where customer_id = any($1)"
_OF_LEAD = "select record_id from sources where lead_id = $1"
_OF_SOURCE = "select record_id from sources where system = $1 and key_digest = $2"
_STORED = """
select r.record_id, r.digest, r.sealed_features, r.keys, r.customer_id, r.family_id, r.made_at,
  r.is_current, c.golden_id, c.master_id
from records r join customers c using (customer_id)
where r.record_id = any($1) order by r.record_id
"""
_SAID = """
select distinct on (t.record_id) t.record_id, s.key_digest, t.sealed_fields,
  (select array_agg(distinct system order by system) from sources x where x.record_id = t.record_id),
  (select count(*) from sources x where x.record_id = t.record_id)
from statements t join sources s using (source_id)
where t.record_id = any($1)
order by t.record_id, t.is_current desc, t.modified_at desc, t.statement_id desc
"""
_LINKS = """
select a, b, kind, bits, posterior, made_at, model_version from links
where a = any($1) and b = any($1) and outcome = 1
"""
_LINK = """
select a, b, kind, bits, posterior, made_at, model_version from links where a = $1 and b = $2
"""
_BETWEEN = """
select a, b, kind, bits, posterior, made_at, model_version from links
where (a = any($1) and b = any($2)) or (a = any($2) and b = any($1))
order by kind desc, bits desc limit 1
"""
_GENERIC = "select key from generic_keys where key = any($1)"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it is kept, and whose it is."""

    record_id: int
    digest: bytes
    sealed_features: bytes
    keys: tuple[int, ...]
    customer_id: int
    family_id: int
    made_at: datetime
    is_current: bool
    golden_id: str
    master_id: str


@dataclass(frozen=True, slots=True)
class SaidOf:
    """What the newest statement of a record says, sealed, and who says it."""

    key_digest: bytes
    sealed_fields: bytes
    systems: tuple[str, ...]
    source_count: int


async def of_customer(raw: asyncpg.Connection, customer_id: int) -> list[int]:
    """A customer's records, oldest first, at most 1,000."""
    return [record_id for (record_id,) in await raw.fetch(_OF_CUSTOMER, customer_id)]


async def of_customers(raw: asyncpg.Connection, customers: Collection[int]) -> dict[int, set[int]]:
    """The records of customers, by customer."""
    found: dict[int, set[int]] = {}
    for customer_id, record_id in await raw.fetch(_OF_CUSTOMERS, list(customers)):
        found.setdefault(customer_id, set()).add(record_id)
    return found


async def of_lead(raw: asyncpg.Connection, lead_id: UUID) -> int | None:
    """The record of a lead; None when it has none, or is not on record."""
    record_id: int | None = await raw.fetchval(_OF_LEAD, lead_id)
    return record_id


async def of_source(raw: asyncpg.Connection, system: str, key_digest: bytes) -> int | None:
    """The record of a row of a system; None when it has none, or is not on record."""
    record_id: int | None = await raw.fetchval(_OF_SOURCE, system, key_digest)
    return record_id


async def stored(raw: asyncpg.Connection, record_ids: Collection[int]) -> dict[int, StoredRecord]:
    """Records by their ids, oldest first; those that are gone are left out."""
    rows = await raw.fetch(_STORED, list(record_ids))
    return {
        row["record_id"]: StoredRecord(row[0], row[1], row[2], tuple(row[3]), *row[4:])
        for row in rows
    }


async def said(raw: asyncpg.Connection, record_ids: Collection[int]) -> dict[int, SaidOf]:
    """What is said of records, by their ids."""
    rows = await raw.fetch(_SAID, list(record_ids))
    return {row[0]: SaidOf(row[1], row[2], tuple(row[3] or ()), row[4]) for row in rows}


async def accepted_among(raw: asyncpg.Connection, record_ids: Collection[int]) -> list[Edge]:
    """The accepted links among records."""
    return [_edge(row) for row in await raw.fetch(_LINKS, list(record_ids))]


async def link(raw: asyncpg.Connection, a: int, b: int) -> Edge | None:
    """The link of two records, accepted or waiting; `a` is the smaller id."""
    row = await raw.fetchrow(_LINK, a, b)
    return None if row is None else _edge(row)


async def strongest_between(
    raw: asyncpg.Connection, ones: Collection[int], others: Collection[int]
) -> Edge | None:
    """The strongest link, accepted or waiting, between two groups of records."""
    row = await raw.fetchrow(_BETWEEN, list(ones), list(others))
    return None if row is None else _edge(row)


async def generic_among(raw: asyncpg.Connection, keys: Collection[int]) -> set[int]:
    """Which of these keys say nothing."""
    return {key for (key,) in await raw.fetch(_GENERIC, list(keys))}


def _edge(row: asyncpg.Record) -> Edge:
    a, b, kind, bits, posterior, made_at, version = row
    return Edge(a, b, EvidenceKind(kind), bits, posterior, made_at, version)
