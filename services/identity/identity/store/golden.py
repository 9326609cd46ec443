"""Golden records: what they are made of, and keeping them. Every statement works on a whole batch of customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from identity.domain.golden import Said, Source
from identity.domain.golden_changes import is_pinned

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    import asyncpg

    from identity.domain.golden import GoldenRecord
    from identity.domain.golden_changes import Cause, FieldChange
    from identity.seals import Seals
    from identity.store.golden_values import GoldenSeals

SOURCES_MAX = 1000
"""So many sources of one customer, the newest, are read; nobody has more but by filling in one form for ever."""

CHAIN_MAX = 32
"""So far back it is looked when a source began to say what it says."""

COPIED_MIN = 250
"""Rows from which on they are copied in."""

_RECORD_COLUMNS = (
    "customer_id",
    "golden_id",
    "sealed_record",
    "version",
    "policy_version",
    "has_pins",
    "created_at",
    "refreshed_at",
)
_CHANGE_COLUMNS = (
    "customer_id",
    "golden_id",
    "field",
    "cause",
    "system",
    "actor",
    "modified_at",
    "received_at",
    "sealed_old",
    "sealed_new",
    "source_ids",
    "is_pinned",
    "changed_at",
)
# The offsets keep the planner at look-ups by index, also while the tables are young. A selected array hides its length,
# or each call would be planned anew for it.
_HELD = """
select g.customer_id, g.golden_id, g.sealed_record, g.version, g.has_pins
from unnest((select $1::bigint[])) as asked (customer_id)
cross join lateral (
  select customer_id, golden_id, sealed_record, version, has_pins
  from golden_records g where g.customer_id = asked.customer_id offset 0 for update
) g
"""
_SOURCES = f"""
select asked.customer_id, c.golden_id, s.source_id, s.system, s.key_digest,
       t.sealed_fields, t.modified_at, t.received_at, t.actor
from unnest((select $1::bigint[])) as asked (customer_id)
cross join lateral (
  select c.golden_id from customers c where c.customer_id = asked.customer_id offset 0
) c
left join lateral (
  select s.source_id, s.system, s.key_digest
  from (select r.record_id from records r where r.customer_id = asked.customer_id offset 0) r
  cross join lateral (
    select s.source_id, s.system, s.key_digest, s.modified_at
    from sources s where s.record_id = r.record_id and s.deleted_at is null offset 0
  ) s
  order by s.modified_at desc, s.key_digest limit {SOURCES_MAX}
) s on true
left join lateral (
  select t.statement_id, t.sealed_fields, t.modified_at, t.received_at, t.actor
  from statements t where t.source_id = s.source_id
  order by t.modified_at desc, t.received_at desc, t.statement_id desc limit {CHAIN_MAX}
) t on true
order by asked.customer_id, s.source_id, t.modified_at, t.received_at, t.statement_id
"""
_HELD_WITH_SOURCES = f"""
with held as materialized ({_HELD})
select
  (select array_agg(row(customer_id, golden_id, sealed_record, version, has_pins)) from held),
  (select array_agg(row(
    customer_id, golden_id, source_id, system, key_digest, sealed_fields, modified_at, received_at, actor
   )) from ({_SOURCES.replace("$1", "$2")}) sources)
"""
_KEEP = """
with kept as (
  insert into golden_records (
    customer_id, golden_id, sealed_record, version, policy_version, has_pins, created_at, refreshed_at
  )
  select n.*, $3::timestamptz, $3::timestamptz from unnest((select $1::new_golden_record[])) as n
  on conflict (customer_id) do update
  set golden_id = excluded.golden_id, sealed_record = excluded.sealed_record, version = excluded.version,
      policy_version = excluded.policy_version, has_pins = excluded.has_pins,
      refreshed_at = excluded.refreshed_at
), closed as (
  delete from golden_records where customer_id = any((select $4::bigint[])::bigint[])
)
insert into golden_changes (
  customer_id, golden_id, field, cause, system, actor, modified_at, received_at, sealed_old, sealed_new, source_ids,
  is_pinned, changed_at
)
select n.customer_id, n.golden_id, n.field, n.cause, n.system, n.actor, n.modified_at, n.received_at, n.sealed_old,
       n.sealed_new, n.source_ids::bigint[], n.is_pinned, $3
from unnest((select $2::new_golden_change[])) as n
"""
_STANDING = """
select g.customer_id, g.golden_id, g.sealed_record, g.version, g.has_pins, g.refreshed_at
from golden_records g where customer_id = $1
"""
_KEYS = "select source_id, key_digest, sealed_key from sources where source_id = any($1::bigint[])"
_BEHIND = """
select customer_id from golden_records g
where policy_version < $1 and exists (select from customers c where c.customer_id = g.customer_id)
order by policy_version limit $2 for update skip locked
"""
_BEHIND_COUNT = "select count(*) from golden_records where policy_version < $1"
_PAGE = """
select customer_id from golden_records where customer_id > $1 order by customer_id limit $2
"""
_RESEAL = """
update golden_records g set sealed_record = n.sealed_record, has_pins = false, version = g.version + 1
from unnest($1::bigint[], $2::bytea[]) as n (customer_id, sealed_record) where g.customer_id = n.customer_id
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A customer's golden record; `has_pins` says that stewards' texts have to be looked for when it is renewed."""

    customer_id: int
    golden_id: str
    record: GoldenRecord
    version: int
    has_pins: bool


class LoggedChange(NamedTuple):
    """A change to write: `whole` closes a record in place of one field's change."""

    customer_id: int
    golden_id: str
    cause: Cause
    actor: str
    change: FieldChange
    whole: GoldenRecord | None = None


async def hold(
    raw: asyncpg.Connection, seals: GoldenSeals, customer_ids: Collection[int]
) -> dict[int, Standing]:
    """The records of these customers, kept from others until the transaction ends; none for who has none yet."""
    if not customer_ids:
        return {}
    rows = await raw.fetch(_HELD, sorted(customer_ids))
    return {row["customer_id"]: _standing(seals, row) for row in rows}


async def hold_with_sources(
    raw: asyncpg.Connection,
    seals: tuple[GoldenSeals, Seals],
    customer_ids: Collection[int],
    asked: Collection[int],
) -> tuple[dict[int, Standing], dict[int, tuple[str, list[Source]]]]:
    """What `hold` gives of the one and `sources_of` of the other, in one statement.

    The customers' sources must be nobody else's to change: they are read as they were before the wait for records.
    """
    if not customer_ids and not asked:
        return {}, {}
    held, sources = await raw.fetchrow(_HELD_WITH_SOURCES, sorted(customer_ids), list(asked))
    return (
        {each[0]: _standing(seals[0], each) for each in held or ()},
        _sources(seals[1], sources or ()),
    )


async def standing(
    raw: asyncpg.Connection, seals: GoldenSeals, customer_id: int
) -> tuple[Standing, datetime] | None:
    """A customer's golden record and when it was last made; None for who has none yet."""
    row = await raw.fetchrow(_STANDING, customer_id)
    return None if row is None else (_standing(seals, row[:5]), row["refreshed_at"])


async def source_keys(
    raw: asyncpg.Connection, seals: Seals, source_ids: Collection[int]
) -> dict[int, str]:
    """The keys that sources have in their systems; none for one that is gone."""
    rows = await raw.fetch(_KEYS, list(source_ids))
    return {row[0]: seals.open_key(row[1], row[2]) for row in rows}


async def sources_of(
    raw: asyncpg.Connection, seals: Seals, customer_ids: Collection[int]
) -> dict[int, tuple[str, list[Source]]]:
    """The Golden ID and the present sources of living customers, by their number."""
    return _sources(seals, await raw.fetch(_SOURCES, list(customer_ids)))


async def keep(
    raw: asyncpg.Connection,
    seals: GoldenSeals,
    kept: Sequence[Standing],
    changes: Sequence[LoggedChange],
    *,
    at: datetime,
    created: Collection[int] = (),
) -> None:
    """Writes records and what changed in them; a record that a change closes is taken away.

    Customers who were `created` in this transaction have no record yet.
    """
    closed = [each.customer_id for each in changes if each.whole is not None]
    change_rows = [_change_row(seals, each) for each in changes]
    if len(created) + len(changes) >= COPIED_MIN:
        fresh = [each for each in kept if each.customer_id in created]
        await _copy(raw, [_record_row(seals, each) for each in fresh], change_rows, at)
        kept, change_rows = [each for each in kept if each.customer_id not in created], []
    if kept or change_rows or closed:
        records = [_record_row(seals, each) for each in kept]
        written = [(*row[:10], _array(row[10]), row[11]) for row in change_rows]
        await raw.execute(_KEEP, records, written, at, closed)


async def _copy(
    raw: asyncpg.Connection,
    records: Sequence[tuple[object, ...]],
    changes: Sequence[tuple[object, ...]],
    at: datetime,
) -> None:
    """Copies in many first records and many changes: more round trips, less work for each row."""
    records = [(*row, at, at) for row in records]
    changes = [(*row, at) for row in changes]
    for table, columns, rows in (
        ("golden_records", _RECORD_COLUMNS, records),
        ("golden_changes", _CHANGE_COLUMNS, changes),
    ):
        if rows:
            await raw.copy_records_to_table(table, records=rows, columns=columns)


async def hold_behind(raw: asyncpg.Connection, *, policy_version: int, limit: int) -> list[int]:
    """Customers whose record was made by an older policy and whom nobody else is about; they are locked."""
    rows = await raw.fetch(_BEHIND, policy_version, limit)
    return [row[0] for row in rows]


async def behind_count(raw: asyncpg.Connection, *, policy_version: int) -> int:
    """How many records were made by an older policy."""
    count: int = await raw.fetchval(_BEHIND_COUNT, policy_version)
    return count


async def customers_after(raw: asyncpg.Connection, customer_id: int, *, limit: int) -> list[int]:
    """The next customers with a golden record, in the order of their numbers."""
    return [row[0] for row in await raw.fetch(_PAGE, customer_id, limit)]


async def reseal(
    raw: asyncpg.Connection, seals: GoldenSeals, records: Mapping[int, GoldenRecord]
) -> None:
    """Replaces records by what is left of them after an erasure."""
    sealed = [seals.seal_record(number, record) for number, record in records.items()]
    await raw.execute(_RESEAL, list(records), sealed)


def _standing(seals: GoldenSeals, row: Sequence[Any]) -> Standing:
    customer_id, golden_id, sealed, version, has_pins = row
    return Standing(
        customer_id, golden_id, seals.open_record(customer_id, sealed), version, has_pins
    )


def _sources(seals: Seals, rows: Iterable[Sequence[Any]]) -> dict[int, tuple[str, list[Source]]]:
    found: dict[int, tuple[str, list[Source]]] = {}
    chains: dict[int, list[Said]] = {}
    for customer_id, golden_id, source_id, system, digest, sealed, *times, actor in rows:
        _, sources = found.setdefault(customer_id, (golden_id, []))
        if sealed is None:
            continue
        said = Said(seals.open_fields(digest, sealed), times[0], times[1], actor)
        if source_id not in chains:
            chains[source_id] = []
            sources.append(Source(source_id, system, digest, ()))
        chains[source_id].append(said)
    return {
        customer_id: (golden_id, [_with_chain(each, chains) for each in sources])
        for customer_id, (golden_id, sources) in found.items()
    }


def _with_chain(source: Source, chains: Mapping[int, list[Said]]) -> Source:
    return Source(source.source_id, source.system, source.digest, tuple(chains[source.source_id]))


def _record_row(seals: GoldenSeals, kept: Standing) -> tuple[object, ...]:
    record = kept.record
    sealed = seals.seal_record(kept.customer_id, record)
    return (
        kept.customer_id,
        kept.golden_id,
        sealed,
        kept.version,
        record.policy_version,
        kept.has_pins,
    )


def _change_row(seals: GoldenSeals, logged: LoggedChange) -> tuple[Any, ...]:
    number, change = logged.customer_id, logged.change
    if logged.whole is None:
        values = [each for each in (change.old, change.new) if each is not None]
        old = seals.seal_value(number, change.field, change.old)
    else:
        values = list(logged.whole.values.values())
        old = seals.seal_record(number, logged.whole)
    new = change.new
    return (
        number,
        logged.golden_id,
        change.field,
        int(logged.cause),
        new.system if new else "",
        logged.actor,
        new.modified_at if new else None,
        new.received_at if new else None,
        old,
        seals.seal_value(number, change.field, new),
        sorted({source for each in values for source in each.source_ids}),
        any(is_pinned(each) for each in values),
    )


def _array(source_ids: Iterable[int]) -> str:
    """An array in PostgreSQL's own words: the driver looks at each number of one of its own."""
    return "{" + ",".join(map(str, source_ids)) + "}"
