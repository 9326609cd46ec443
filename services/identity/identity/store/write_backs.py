"""What systems are told of values that won over theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.write_backs import KnownWrite, WriteBack, WriteBackState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    import asyncpg

_SAID = """
select s.source_id, s.system, s.key_digest, r.customer_id, t.sealed_fields, t.modified_at
from records r
join sources s using (record_id)
join statements t on t.source_id = s.source_id and t.is_current
where r.customer_id = any($1::bigint[]) and s.deleted_at is null and exists (
  select 1 from records ours join sources told using (record_id)
  where ours.customer_id = r.customer_id and told.system = any($2::text[]) and told.deleted_at is null
)
order by s.source_id
"""
_KNOWN = """
select write_back_id, source_id, state, fields, field_digests from write_backs
where source_id = any($1::bigint[]) and state in (1, 2, 4, 5)
"""
_WRITTEN = """
select write_back_id, source_id, state, fields, field_digests from write_backs
where source_id = any($1::bigint[]) and (state = 2 or state = 3 and done_at > $2)
order by write_back_id
"""
_SUPERSEDE = """
update write_backs set state = 6, done_at = $2, sealed_fields = ''
where write_back_id = any($1::bigint[]) and state in (1, 4, 5)
"""
_PLAN = """
insert into write_backs (
  source_id, system, key_digest, fields, field_digests, winners, sealed_fields, idempotency_key, state, reason,
  attempt_count, made_at, due_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, 1, '', 0, $9, $9)
"""
_CLAIM = """
update write_backs w set state = 2, due_at = $1::timestamptz + $2::interval
from (
  select write_back_id from write_backs o
  where state in (1, 2) and due_at <= $1 and system = any($3::text[]) and not exists (
    select 1 from write_backs earlier
    where earlier.source_id = o.source_id and earlier.state in (1, 2) and earlier.write_back_id < o.write_back_id
  )
  order by due_at limit $4 for update skip locked
) due
where w.write_back_id = due.write_back_id
returning w.write_back_id, w.source_id, w.system, w.key_digest, w.fields, w.winners, w.sealed_fields,
  w.idempotency_key, w.attempt_count,
  (select s.sealed_key from sources s where s.source_id = w.source_id) as sealed_key,
  coalesce((select v.version from system_rows v where v.system = w.system and v.key_digest = w.key_digest), '')
    as version
"""
_TAKE = "select 1 from write_backs where write_back_id = $1 and state = 2 for update"
_SETTLE = """
update write_backs set state = $2::smallint, reason = $3, attempt_count = $4, done_at = $5,
  sealed_fields = case when $2 = 3 then ''::bytea else sealed_fields end
where write_back_id = $1 and state = 2
"""
_PUT_OFF = """
update write_backs w
set state = case when tried.is_outdated then 6 else 1 end,
  done_at = case when tried.is_outdated then $5::timestamptz end,
  reason = $2, attempt_count = $3, due_at = $4
from (
  select write_back_id, exists (
    select 1 from write_backs newer
    where newer.source_id = o.source_id and newer.state = 1 and newer.fields @> o.fields
  ) as is_outdated
  from write_backs o where write_back_id = $1
) tried
where w.write_back_id = tried.write_back_id and w.state = 2
"""
_TAKE_BACK = """
update write_backs w set state = 6, done_at = $3, sealed_fields = ''
from records r join sources s using (record_id)
where r.customer_id = any($1::bigint[]) and w.source_id = s.source_id and $2 = any(w.winners)
  and w.state in (1, 2, 4, 5)
"""
_NARROW = """
update write_backs set fields = $2, field_digests = $3, winners = $4, sealed_fields = $5 where write_back_id = $1
"""
_RETRY = """
update write_backs w set state = 1, attempt_count = 0, reason = '', due_at = $2, done_at = null
where write_back_id = $1 and state in (4, 5)
  and not exists (select 1 from write_backs o where o.source_id = w.source_id and o.state = 1)
"""
_FORGET = "delete from write_backs where state in (3, 6) and done_at < $1"
_GOLDEN_ID = """
select c.golden_id from sources s join records using (record_id) join customers c using (customer_id)
where s.source_id = $1
"""
_LISTED = """
select w.write_back_id, coalesce(c.golden_id, ''), w.system, w.fields, w.winners, w.state, w.reason, w.attempt_count,
  w.made_at, w.due_at, w.done_at
from write_backs w
left join sources s using (source_id)
left join records r on r.record_id = s.record_id
left join customers c on c.customer_id = r.customer_id
where ($1 = '' or w.system = $1) and ($2 or w.state in (1, 2, 4, 5)) and w.write_back_id < $3
order by w.write_back_id desc limit $4
"""


@dataclass(frozen=True, slots=True)
class CurrentSource:
    """What one source of a customer says now."""

    source_id: int
    system: str
    key_digest: bytes
    customer_id: int
    sealed_fields: bytes
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """What a source has to be told; the four about fields go together."""

    source_id: int
    system: str
    key_digest: bytes
    fields: Sequence[str]
    digests: Sequence[bytes]
    winners: Sequence[str]
    sealed_fields: bytes
    idempotency_key: UUID


@dataclass(frozen=True, slots=True)
class LeasedWrite:
    """A write under a lease, as it is kept."""

    write_back_id: int
    source_id: int
    system: str
    key_digest: bytes
    fields: Sequence[str]
    winners: Sequence[str]
    sealed_fields: bytes
    idempotency_key: UUID
    attempt_count: int
    sealed_key: bytes | None
    version: str


async def current_sources(
    raw: asyncpg.Connection, customers: Iterable[int], told: Sequence[str]
) -> list[CurrentSource]:
    """What the sources of these customers say, of customers only that a system which is `told` knows."""
    return [CurrentSource(*row) for row in await raw.fetch(_SAID, sorted(customers), told)]


async def known_writes(
    raw: asyncpg.Connection, source_ids: Sequence[int]
) -> Mapping[int, list[KnownWrite]]:
    """By source, the writes that wait, are under way, were refused or given up."""
    return _by_source(await raw.fetch(_KNOWN, source_ids))


async def recent_writes(
    raw: asyncpg.Connection, source_ids: Sequence[int], *, since: datetime
) -> Mapping[int, list[KnownWrite]]:
    """By source, what was written since then or is on its way, oldest first."""
    return _by_source(await raw.fetch(_WRITTEN, source_ids, since))


async def take_back(
    raw: asyncpg.Connection, customer_ids: Collection[int], winner: str, *, now: datetime
) -> int:
    """Supersedes what sources of customers were to be told of a system's values; returns how many writes."""
    status: str = await raw.execute(_TAKE_BACK, list(customer_ids), winner, now)
    return int(status.rpartition(" ")[2])


async def replace_plans(
    raw: asyncpg.Connection,
    outdated: Sequence[int],
    planned: Sequence[PlannedWrite],
    *,
    now: datetime,
) -> None:
    """Supersedes writes by number, unless they are under way by now, and lets the new plans wait."""
    if outdated:
        await raw.execute(_SUPERSEDE, outdated, now)
    if planned:
        await raw.executemany(_PLAN, [_planned(each, now) for each in planned])


async def claim(
    raw: asyncpg.Connection,
    systems: Sequence[str],
    *,
    now: datetime,
    lease: timedelta,
    limit: int,
) -> list[LeasedWrite]:
    """Writes to these systems that are due, those included whose lease ended; leased from now.

    Of one source only the oldest: a later value is never written before an earlier one.
    """
    return [LeasedWrite(*row) for row in await raw.fetch(_CLAIM, now, lease, systems, limit)]


async def take(raw: asyncpg.Connection, write_back_id: int) -> bool:
    """Whether a write is still under way; nobody else settles it before the transaction ends."""
    return await raw.fetchval(_TAKE, write_back_id) is not None


async def settle(
    raw: asyncpg.Connection,
    write_back_id: int,
    state: WriteBackState,
    *,
    reason: str,
    attempt_count: int,
    now: datetime,
) -> None:
    """Ends a write that is under way; the values of one that was written are forgotten."""
    await raw.execute(_SETTLE, write_back_id, state, reason, attempt_count, now)


async def put_off(
    raw: asyncpg.Connection,
    write_back_id: int,
    *,
    reason: str,
    attempt_count: int,
    due_in: timedelta,
    now: datetime,
) -> None:
    """Lets a write that is under way wait again; one whose fields a newer one writes is superseded instead."""
    await raw.execute(_PUT_OFF, write_back_id, reason, attempt_count, now + due_in, now)


async def narrow(raw: asyncpg.Connection, write_back_id: int, to: PlannedWrite) -> None:
    """Leaves only some fields to a write."""
    await raw.execute(
        _NARROW,
        write_back_id,
        list(to.fields),
        list(to.digests),
        list(to.winners),
        to.sealed_fields,
    )


async def retry(raw: asyncpg.Connection, write_back_id: int, *, now: datetime) -> bool:
    """Lets a write wait again that was refused or given up; says whether there is one."""
    return str(await raw.execute(_RETRY, write_back_id, now)).endswith(" 1")


async def forget(raw: asyncpg.Connection, *, before: datetime) -> None:
    """Forgets writes that were settled by then."""
    await raw.execute(_FORGET, before)


async def golden_id_of(raw: asyncpg.Connection, source_id: int) -> str:
    """What the customer of a source is called; empty for one that is gone."""
    return await raw.fetchval(_GOLDEN_ID, source_id) or ""


async def listed(
    raw: asyncpg.Connection, system: str, *, with_settled: bool, before: int, limit: int
) -> list[WriteBack]:
    """Writes with a smaller number than `before`, the newest first; of all systems when `system` is empty."""
    rows = await raw.fetch(_LISTED, system, with_settled, before, limit)
    return [
        WriteBack(
            row[0],
            row[1],
            row[2],
            tuple(row[3]),
            tuple(row[4]),
            WriteBackState(row[5]),
            row[6],
            row[7],
            made_at=row[8],
            due_at=row[9],
            done_at=row[10],
        )
        for row in rows
    ]


def _by_source(rows: Iterable[asyncpg.Record]) -> Mapping[int, list[KnownWrite]]:
    found: dict[int, list[KnownWrite]] = {}
    for write_back_id, source_id, state, fields, digests in rows:
        write = KnownWrite(
            write_back_id,
            source_id,
            WriteBackState(state),
            dict(zip(fields, digests, strict=True)),
        )
        found.setdefault(source_id, []).append(write)
    return found


def _planned(write: PlannedWrite, now: datetime) -> tuple[object, ...]:
    return (
        write.source_id,
        write.system,
        write.key_digest,
        list(write.fields),
        list(write.digests),
        list(write.winners),
        write.sealed_fields,
        write.idempotency_key,
        now,
    )
