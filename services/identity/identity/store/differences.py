"""Writes what a transaction decided: two statements for any number of statements and records, one where nothing goes.

Large batches are copied in, a table at a time: more round trips, but half the work for each row on either side. What
goes or gives up its place is written before what comes: an id passes from one customer to another, and the current
statement of a source from one row to the next. Rows are sent whole, as types of their own (`new_statement` and others):
the driver takes a fraction of the time of an array for each column.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import asyncpg

COPIED_MIN = 250
"""Statements of one batch from which on rows are copied in."""

FIRST_VERSION = 1
"""The version of a customer who is new."""

_SAID = (
    "source_id",
    "record_id",
    "modified_at",
    "received_at",
    "sealed_fields",
    "actor",
    "is_current",
)
_NAMED = (
    "source_id",
    "system",
    "key_digest",
    "sealed_key",
    "record_id",
    "lead_id",
    "first_seen_at",
    "modified_at",
    "received_at",
    "deleted_at",
)
_RECORDED = (
    "record_id",
    "digest",
    "sealed_features",
    "keys",
    "customer_id",
    "family_id",
    "is_current",
    "made_at",
)
_KEYED = ("key", "record_id")
_LINKED = (
    "a",
    "b",
    "kind",
    "outcome",
    "bits",
    "posterior",
    "levels",
    "model_version",
    "made_at",
)
_CALLED = (
    "golden_id",
    "master_id",
    "customer_id",
    "recipe",
    "key_id",
    "first_seen_at",
    "minted_at",
)
_SUPPORTED = ("golden_id", "record_id", "first_seen_at")
_CUSTOMERS = ("customer_id", "golden_id", "master_id", "first_seen_at", "record_count", "version")

# A selected array hides its length, or a statement would be planned anew for each one.
_GO = """
with closed as (
  update statements set is_current = false
  where statement_id = any((select $1::bigint[])::bigint[])
    and not source_id = any((select $2::bigint[])::bigint[])  -- a row is updated once at most
), released as (
  update statements set is_current = false, record_id = 0 where source_id = any((select $2::bigint[])::bigint[])
), restated as (
  update sources s set record_id = n.record_id, first_seen_at = n.first_seen_at, modified_at = n.modified_at,
    received_at = n.received_at, deleted_at = n.deleted_at
  from unnest((select $3::bigint[]), (select $4::bigint[]), (select $5::timestamptz[]), (select $6::timestamptz[]),
    (select $7::timestamptz[]), (select $8::timestamptz[]))
    as n (source_id, record_id, first_seen_at, modified_at, received_at, deleted_at)
  where s.source_id = n.source_id
), removed as (
  delete from records where record_id = any((select $9::bigint[])::bigint[])
), freed as (
  delete from record_keys rk using records r, unnest(r.keys) as k (key)
  where r.record_id = any((select $9::bigint[])::bigint[]) and rk.key = k.key and rk.record_id = r.record_id
), forsaken as (
  delete from alias_supports where record_id = any((select $9::bigint[])::bigint[])
), unlinked as (
  delete from links l using unnest((select $10::bigint[]), (select $11::bigint[])) as n (a, b)
  where l.a = n.a and l.b = n.b
), unlinked_all as (
  delete from links where a = any((select $9::bigint[])::bigint[]) or b = any((select $9::bigint[])::bigint[])
), cleared as (
  delete from generic_keys where key = any((select $12::bigint[])::bigint[])
), moved as (
  update records r set customer_id = n.customer_id, family_id = n.family_id, is_current = n.is_current
  from unnest((select $13::bigint[]), (select $14::bigint[]), (select $15::bigint[]), (select $16::bool[]))
    as n (record_id, customer_id, family_id, is_current)
  where r.record_id = n.record_id
)
delete from customers where customer_id = any((select $17::bigint[])::bigint[])
"""
_COME = """
with said as (
  insert into statements (source_id, record_id, modified_at, received_at, sealed_fields, actor, is_current)
  select n.* from unnest((select $3::new_statement[])) as n
), named as (
  insert into sources (source_id, system, key_digest, sealed_key, record_id, lead_id, first_seen_at, modified_at,
    received_at, deleted_at)
  select n.* from unnest((select $4::new_source[])) as n
), recorded as (
  insert into records (record_id, digest, sealed_features, keys, customer_id, family_id, is_current, made_at)
  select n.record_id, n.digest, n.sealed_features, n.keys::bigint[], n.customer_id, n.family_id, n.is_current, $1
  from unnest((select $5::new_record[])) as n
), keyed as (
  insert into record_keys (key, record_id)
  select k.key, n.record_id from unnest((select $5::new_record[])) as n, unnest(n.keys::bigint[]) as k (key)
  order by k.key  -- as in their index
), linked as (
  insert into links (a, b, kind, outcome, bits, posterior, levels, model_version, made_at)
  select n.*, $2, $1 from unnest((select $6::new_link[])) as n
  on conflict (a, b) do update set kind = excluded.kind, outcome = excluded.outcome, bits = excluded.bits,
    posterior = excluded.posterior, levels = excluded.levels, model_version = excluded.model_version
), crowded as (
  insert into generic_keys (key, rule, reason, made_at)
  select n.*, $1 from unnest((select $7::bigint[]), (select $8::text[]), (select $9::text[])) as n
  on conflict (key) do nothing
), called as (
  insert into aliases (golden_id, master_id, customer_id, recipe, key_id, first_seen_at, minted_at)
  select n.*, $1 from unnest((select $10::new_alias[])) as n
  on conflict (golden_id) do update set customer_id = excluded.customer_id, first_seen_at = excluded.first_seen_at
), supported as (
  insert into alias_supports (golden_id, record_id, first_seen_at)
  select n.* from unnest((select $11::new_support[])) as n
  on conflict (golden_id, record_id) do update set first_seen_at = excluded.first_seen_at
)
insert into customers (customer_id, golden_id, master_id, first_seen_at, record_count, version)
select n.* from unnest((select $12::new_customer[])) as n
on conflict (customer_id) do update
set record_count = excluded.record_count, version = excluded.version, first_seen_at = excluded.first_seen_at
"""


@dataclass(slots=True)
class Difference:
    """Rows to write, each in the order of its columns.

    `restated`: source, record, first seen, modified, received, deleted. `unlinked`: a, b. `moved`: record, customer,
    family, is current. `renamed` are customers whose row is written anew. `said`: source, record, modified, received,
    sealed fields, actor, is current. `named`: source, system, digest, sealed key, record, lead, first seen, modified,
    received, deleted. `recorded`: record, digest, sealed features, keys, customer, family, is current. `linked`: a, b,
    kind, outcome, bits, posterior, levels. `crowded`: key, rule, reason. `called`: Golden ID, master id, customer,
    recipe, key id, first seen; `minted` alike, of ids that nobody had before. `supported`: Golden ID, record, since.
    `customers`: as `Customer`.
    """

    closed: list[int] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    restated: list[tuple[Any, ...]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    unlinked: list[tuple[int, int]] = field(default_factory=list)
    cleared: list[int] = field(default_factory=list)
    moved: list[tuple[Any, ...]] = field(default_factory=list)
    renamed: list[int] = field(default_factory=list)
    said: list[tuple[Any, ...]] = field(default_factory=list)
    named: list[tuple[Any, ...]] = field(default_factory=list)
    recorded: list[tuple[Any, ...]] = field(default_factory=list)
    linked: list[tuple[Any, ...]] = field(default_factory=list)
    crowded: list[tuple[int, str, str]] = field(default_factory=list)
    called: list[tuple[Any, ...]] = field(default_factory=list)
    minted: list[tuple[Any, ...]] = field(default_factory=list)
    supported: list[tuple[Any, ...]] = field(default_factory=list)
    customers: list[tuple[Any, ...]] = field(default_factory=list)

    def has_goers(self) -> bool:
        """Whether anything on record goes or changes."""
        return bool(
            self.closed
            or self.released
            or self.restated
            or self.removed
            or self.unlinked
            or self.cleared
            or self.moved
            or self.renamed
        )

    def is_of_customers(self) -> bool:
        """Whether nothing changes but whose records on record are, and what customers are called."""
        return not (
            self.closed
            or self.released
            or self.restated
            or self.removed
            or self.unlinked
            or self.cleared
            or self.said
            or self.named
            or self.recorded
            or self.linked
            or self.crowded
        )

    def has_comers(self) -> bool:
        """Whether anything is added."""
        return bool(
            self.said
            or self.named
            or self.recorded
            or self.linked
            or self.crowded
            or self.called
            or self.minted
            or self.supported
            or self.customers
        )


async def write(
    raw: asyncpg.Connection, difference: Difference, *, now: datetime, model_version: str
) -> None:
    """Writes everything."""
    if difference.has_goers():
        await _go(raw, difference)
    if difference.has_comers():
        await _come(raw, difference, now, model_version)


async def _go(raw: asyncpg.Connection, difference: Difference) -> None:
    await raw.execute(
        _GO,
        difference.closed,
        difference.released,
        *_columns(difference.restated, 6),
        difference.removed,
        *_columns(difference.unlinked, 2),
        difference.cleared,
        *_columns(difference.moved, 4),
        difference.renamed,
    )


async def _come(
    raw: asyncpg.Connection, difference: Difference, now: datetime, model_version: str
) -> None:
    if len(difference.said) >= COPIED_MIN:
        difference = await _copy(raw, difference, now, model_version)
    await raw.execute(
        _COME,
        now,
        model_version,
        difference.said,
        difference.named,
        [(*row[:3], _array(row[3]), *row[4:]) for row in difference.recorded],
        difference.linked,
        *_columns(difference.crowded, 3),
        difference.called + difference.minted,
        difference.supported,
        difference.customers,
    )


async def _copy(
    raw: asyncpg.Connection, difference: Difference, now: datetime, model_version: str
) -> Difference:
    """Copies in what cannot be there yet, since its record, source or customer is new; returns the rest."""
    fresh = {row[0] for row in difference.recorded}
    linked, changed_links = _parted(
        difference.linked, lambda row: row[0] in fresh or row[1] in fresh
    )
    supported, moved_supports = _parted(difference.supported, lambda row: row[1] in fresh)
    customers, changed_customers = _parted(
        difference.customers, lambda row: row[5] == FIRST_VERSION
    )
    for table, columns, rows in (
        ("statements", _SAID, difference.said),
        ("sources", _NAMED, difference.named),
        ("records", _RECORDED, [(*row, now) for row in difference.recorded]),
        ("record_keys", _KEYED, _key_rows(difference.recorded)),
        ("links", _LINKED, [(*row, model_version, now) for row in linked]),
        ("aliases", _CALLED, [(*row, now) for row in difference.minted]),
        ("alias_supports", _SUPPORTED, supported),
        ("customers", _CUSTOMERS, customers),
    ):
        if rows:
            await raw.copy_records_to_table(table, records=rows, columns=columns)
    return Difference(
        linked=changed_links,
        crowded=difference.crowded,
        called=difference.called,
        supported=moved_supports,
        customers=changed_customers,
    )


def _key_rows(recorded: Sequence[tuple[Any, ...]]) -> list[tuple[int, int]]:
    """A record's keys as rows, in the order of their index."""
    return sorted((key, row[0]) for row in recorded for key in row[3])


def _parted(
    rows: Sequence[tuple[Any, ...]], is_fresh: Callable[[tuple[Any, ...]], bool]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    fresh = [row for row in rows if is_fresh(row)]
    return fresh, [row for row in rows if not is_fresh(row)]


def _columns(rows: Sequence[Sequence[Any]], count: int) -> list[Sequence[Any]]:
    """Rows as columns, so many also when there are no rows."""
    return list(zip(*rows, strict=True)) if rows else [()] * count


def _array(numbers: Sequence[int]) -> str:
    """An array of numbers as PostgreSQL writes it: the driver looks at each number of one of its own."""
    return "{" + ",".join(map(str, numbers)) + "}"
