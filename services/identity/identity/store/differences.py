"""Writes what a transaction decided: two statements for any number of statements and records, one where nothing goes.

Large batches are copied in, a table at a time: more round trips, but half the work for each row on either side. What
goes or gives up its place is written before what comes: an id passes from one customer to another, and the current
statement of a source from one row to the next.
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

_GO = """
with closed as (
  update statements set is_current = false
  where statement_id = any($1::bigint[]) and not source_id = any($2::bigint[])  -- a row is updated once at most
), released as (
  update statements set is_current = false, record_id = 0 where source_id = any($2::bigint[])
), restated as (
  update sources s set record_id = n.record_id, first_seen_at = n.first_seen_at, modified_at = n.modified_at,
    received_at = n.received_at, deleted_at = n.deleted_at
  from unnest($3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])
    as n (source_id, record_id, first_seen_at, modified_at, received_at, deleted_at)
  where s.source_id = n.source_id
), removed as (
  delete from records where record_id = any($9::bigint[])
), freed as (
  delete from record_keys rk using records r, unnest(r.keys) as k (key)
  where r.record_id = any($9::bigint[]) and rk.key = k.key and rk.record_id = r.record_id
), forsaken as (
  delete from alias_supports where record_id = any($9::bigint[])
), unlinked as (
  delete from links l using unnest($10::bigint[], $11::bigint[]) as n (a, b) where l.a = n.a and l.b = n.b
), unlinked_all as (
  delete from links where a = any($9::bigint[]) or b = any($9::bigint[])
), cleared as (
  delete from generic_keys where key = any($12::bigint[])
), moved as (
  update records r set customer_id = n.customer_id, family_id = n.family_id, is_current = n.is_current
  from unnest($13::bigint[], $14::bigint[], $15::bigint[], $16::bool[])
    as n (record_id, customer_id, family_id, is_current)
  where r.record_id = n.record_id
)
delete from customers where customer_id = any($17::bigint[])
"""
_COME = """
with said as (
  insert into statements (source_id, record_id, modified_at, received_at, sealed_fields, actor, is_current)
  select * from unnest(
    $1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::bytea[], $6::text[], $7::bool[])
), named as (
  insert into sources (source_id, system, key_digest, sealed_key, record_id, lead_id, first_seen_at, modified_at,
    received_at, deleted_at)
  select * from unnest($8::bigint[], $9::text[], $10::bytea[], $11::bytea[], $12::bigint[], $13::uuid[],
    $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[])
), recorded as (
  insert into records (record_id, digest, sealed_features, keys, customer_id, family_id, is_current, made_at)
  select n.record_id, n.digest, n.sealed_features, n.keys::bigint[], n.customer_id, n.family_id, n.is_current, $18
  from unnest($19::bigint[], $20::bytea[], $21::bytea[], $22::text[], $23::bigint[], $24::bigint[], $25::bool[])
    as n (record_id, digest, sealed_features, keys, customer_id, family_id, is_current)
), keyed as (
  insert into record_keys (key, record_id) select * from unnest($26::bigint[], $27::bigint[])
), linked as (
  insert into links (a, b, kind, outcome, bits, posterior, levels, model_version, made_at)
  select n.*, $35, $18
  from unnest($28::bigint[], $29::bigint[], $30::smallint[], $31::smallint[], $32::float8[], $33::real[],
    $34::bytea[]) as n
  on conflict (a, b) do update set kind = excluded.kind, outcome = excluded.outcome, bits = excluded.bits,
    posterior = excluded.posterior, levels = excluded.levels, model_version = excluded.model_version
), crowded as (
  insert into generic_keys (key, rule, reason, made_at)
  select n.*, $18 from unnest($36::bigint[], $37::text[], $38::text[]) as n on conflict (key) do nothing
), called as (
  insert into aliases (golden_id, master_id, customer_id, recipe, key_id, first_seen_at, minted_at)
  select n.*, $18 from unnest($39::text[], $40::text[], $41::bigint[], $42::smallint[], $43::text[],
    $44::timestamptz[]) as n
  on conflict (golden_id) do update set customer_id = excluded.customer_id, first_seen_at = excluded.first_seen_at
), supported as (
  insert into alias_supports (golden_id, record_id, first_seen_at)
  select * from unnest($45::text[], $46::bigint[], $47::timestamptz[])
  on conflict (golden_id, record_id) do update set first_seen_at = excluded.first_seen_at
)
insert into customers (customer_id, golden_id, master_id, first_seen_at, record_count, version)
select * from unnest($48::bigint[], $49::text[], $50::text[], $51::timestamptz[], $52::int[], $53::int[])
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
        *_columns(difference.said, 7),
        *_columns(difference.named, 10),
        now,
        *_columns([(*row[:3], _array(row[3]), *row[4:]) for row in difference.recorded], 7),
        *_columns(_key_rows(difference.recorded), 2),
        *_columns(difference.linked, 7),
        model_version,
        *_columns(difference.crowded, 3),
        *_columns(difference.called + difference.minted, 6),
        *_columns(difference.supported, 3),
        *_columns(difference.customers, 6),
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
    """An array of numbers as PostgreSQL writes it: arrays of arrays of different lengths cannot be sent."""
    return "{" + ",".join(map(str, numbers)) + "}"
