"""What golden records were: changes by customer or by whatever they have in common, earlier states, forgetting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.golden_changes import (
    CLOSING,
    Cause,
    ChangeId,
    PastChange,
    is_theirs,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from identity.domain.golden import GoldenRecord
    from identity.store.golden_values import GoldenSeals

_COLUMNS = """
h.change_id, h.customer_id, h.golden_id, h.field, h.cause, h.system, h.actor, h.modified_at, h.received_at,
h.changed_at, h.sealed_old, h.sealed_new, h.erased_at
"""
_OF_CUSTOMER = f"""
select {_COLUMNS} from aliases a join golden_changes h using (golden_id)
where a.customer_id = $1 and h.change_id < $2 and h.field <> '' and ($4 = '' or h.field = $4)
order by h.change_id desc limit $3
"""
_ONE = f"""
select {_COLUMNS} from aliases a join golden_changes h using (golden_id)
where a.customer_id = $1 and h.change_id = $2 and h.field <> ''
"""
_SEARCH = f"""
select {_COLUMNS} from golden_changes h
where h.change_id < $1 and h.field <> '' and ($3 = '' or h.field = $3) and ($4 = '' or h.system = $4)
  and ($5 = '' or h.actor = $5) and ($6::timestamptz is null or h.changed_at >= $6)
  and ($7::timestamptz is null or h.changed_at < $7)
order by h.change_id desc limit $2
"""
_ALIAS = "select golden_id from aliases where golden_id = $1 or master_id = $1"
# A Golden ID goes with its earliest record, whose moves say in which customer it was.
_CUSTOMER_THEN = """
with supporting as (
  select a.record_id, r.customer_id from alias_supports a left join records r using (record_id)
  where a.golden_id = $1 and (r.made_at is null or r.made_at <= $2)
  order by a.first_seen_at, a.record_id limit 1
), later as (
  select m.from_customer from supporting s join moves m using (record_id) join regroupings g using (regrouping_id)
  where g.made_at > $2 order by g.made_at, m.regrouping_id limit 1
)
select case when exists (select from later) then (select from_customer from later)
  else (select customer_id from supporting) end
"""
_CLOSING = """
select change_id, sealed_old from golden_changes
where customer_id = $1 and field = '' and changed_at > $2 order by change_id limit 1
"""
_STANDING = "select sealed_record, created_at from golden_records where customer_id = $1"
_LATER = f"""
select {_COLUMNS} from golden_changes h
where h.customer_id = $1 and h.changed_at > $2 and h.change_id < $3 and h.field <> '' order by h.change_id desc
"""
_TO_FORGET = f"""
select {_COLUMNS} from golden_changes h where h.erased_at is null and (
  h.source_ids && $1::bigint[]
  or h.is_pinned and h.golden_id in (select golden_id from aliases where customer_id = any($2::bigint[]))
)
order by h.change_id for update
"""
_FORGET = """
update golden_changes h
set sealed_old = f.sealed_old, sealed_new = f.sealed_new, is_pinned = false, erased_at = $4
from unnest($1::bigint[], $2::bytea[], $3::bytea[]) as f (change_id, sealed_old, sealed_new)
where h.change_id = f.change_id
"""
_BEHIND_LEADS = """
select s.source_id, coalesce(r.customer_id, a.customer_id) as customer_id
from sources s
left join records r using (record_id)
left join leads l using (lead_id)
left join aliases a on a.golden_id = l.golden_id
where s.lead_id = any($1::uuid[])
"""
_KEPT = """
select c.master_id, g.version, g.refreshed_at, (
  select count(*) from aliases a join golden_changes h using (golden_id)
  where a.customer_id = c.customer_id and h.field <> ''
) as change_count
from customers c join golden_records g using (customer_id)
where c.customer_id = any($1::bigint[]) order by c.master_id
"""
_NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sought:
    """Which changes of all customers are sought; empty texts and None leave it open."""

    field: str = ""
    system: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None


async def of_customer(
    raw: asyncpg.Connection,
    seals: GoldenSeals,
    customer_id: int,
    *,
    field: str,
    before: int | None,
    limit: int,
) -> list[PastChange]:
    """Changes of whoever this customer was, under any of their Golden IDs, newest first."""
    rows = await raw.fetch(_OF_CUSTOMER, customer_id, before or _NEWEST, limit, field)
    return [_change(seals, row) for row in rows]


async def one_of_customer(
    raw: asyncpg.Connection, seals: GoldenSeals, customer_id: int, change_id: int
) -> PastChange | None:
    """One change of this customer; None when they have none of this id."""
    row = await raw.fetchrow(_ONE, customer_id, change_id)
    return None if row is None else _change(seals, row)


async def search(
    raw: asyncpg.Connection, seals: GoldenSeals, sought: Sought, *, before: int | None, limit: int
) -> list[PastChange]:
    """Changes of all customers, newest first."""
    rows = await raw.fetch(
        _SEARCH,
        before or _NEWEST,
        limit,
        sought.field,
        sought.system,
        sought.actor,
        sought.since,
        sought.until,
    )
    return [_change(seals, row) for row in rows]


async def customer_then(raw: asyncpg.Connection, customer_id: str, at: datetime) -> int | None:
    """The number of the customer that a Golden ID or master id stood for at a time; None when for nobody yet."""
    golden_id = await raw.fetchval(_ALIAS, customer_id)
    number: int | None = await raw.fetchval(_CUSTOMER_THEN, golden_id, at)
    return number


async def state_after(
    raw: asyncpg.Connection, seals: GoldenSeals, customer_id: int, at: datetime
) -> tuple[GoldenRecord, list[PastChange]] | None:
    """The first whole record of a customer that was kept after a time, and the changes between, newest first.

    None when there was no record of this customer yet.
    """
    closing = await raw.fetchrow(_CLOSING, customer_id, at)
    if closing is None:
        standing = await raw.fetchrow(_STANDING, customer_id)
        if standing is None or standing["created_at"] > at:
            return None
        before, sealed = _NEWEST, standing["sealed_record"]
    else:
        before, sealed = closing
    record = seals.open_record(customer_id, sealed)
    rows = await raw.fetch(_LATER, customer_id, at, before)
    return record, [_change(seals, row) for row in rows]


async def forget(
    raw: asyncpg.Connection,
    seals: GoldenSeals,
    source_ids: Collection[int],
    customer_ids: Collection[int],
    *,
    at: datetime,
) -> int:
    """Takes values of these sources, and stewards' texts about these customers, out of the history.

    Returns how many changes lost a value. That something changed, when and by whom, stays.
    """
    erased = frozenset(source_ids)
    rows = await raw.fetch(_TO_FORGET, list(erased), list(customer_ids))
    left = [_left(seals, row, erased) for row in rows]
    columns = [
        [row["change_id"] for row in rows],
        [old for old, _ in left],
        [new for _, new in left],
    ]
    await raw.execute(_FORGET, *columns, at)
    return len(rows)


async def behind_leads(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID]
) -> tuple[list[int], list[int]]:
    """The sources that these leads are, and the customers whose they are or were."""
    rows = await raw.fetch(_BEHIND_LEADS, list(lead_ids))
    customers = {row["customer_id"] for row in rows if row["customer_id"] is not None}
    return [row["source_id"] for row in rows], sorted(customers)


async def kept_about(
    raw: asyncpg.Connection, customer_ids: Collection[int]
) -> list[asyncpg.Record]:
    """Of each customer with a golden record: master id, version, when it was last made, how many changes are kept."""
    return list(await raw.fetch(_KEPT, list(customer_ids)))


def _left(
    seals: GoldenSeals, row: asyncpg.Record, erased: frozenset[int]
) -> tuple[bytes | None, bytes | None]:
    """What is left of a change's two values."""
    number, field = row["customer_id"], row["field"]
    if field == CLOSING:
        whole = seals.open_record(number, row["sealed_old"])
        return seals.seal_record(number, without(whole, erased)), None
    kept: list[bytes | None] = []
    for sealed in (row["sealed_old"], row["sealed_new"]):
        value = seals.open_value(number, field, sealed)
        kept.append(None if is_theirs(value, erased) else sealed)
    return kept[0], kept[1]


def _change(seals: GoldenSeals, row: asyncpg.Record) -> PastChange:
    number, field = row["customer_id"], row["field"]
    return PastChange(
        change_id=ChangeId(row["change_id"]),
        golden_id=row["golden_id"],
        field=field,
        cause=Cause(row["cause"]),
        system=row["system"],
        actor=row["actor"],
        modified_at=row["modified_at"],
        received_at=row["received_at"],
        changed_at=row["changed_at"],
        old=seals.open_value(number, field, row["sealed_old"]),
        new=seals.open_value(number, field, row["sealed_new"]),
        is_erased=row["erased_at"] is not None,
    )
