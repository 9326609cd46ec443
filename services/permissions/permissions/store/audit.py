"""The audit log's entries, its tree, and the one row that says where it ends and is locked by whoever appends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.domain.audit import AuditEntry, AuditHead
from permissions.domain.merkle import TILE_LEAVES, TILE_LEVEL, Subtree, leaf_hash, root_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from datetime import datetime

    import asyncpg

    from permissions.domain.audit import SealedValue, Touch

_HEAD = "select seq, hash, revision, log_id, tree from audit_head"
_LOCK_HEAD = f"{_HEAD} for update"
_APPEND = """
with entries as (
  insert into audit_entries (seq, recorded_at, fact, hash, changes_state)
  select $4 - cardinality($1::bytea[]) + nth, $5, fact, hash, changes_state
  from unnest($1::bytea[], $2::bytea[], $3::boolean[]) with ordinality as t (fact, hash, changes_state, nth)
), nodes as (
  insert into audit_nodes (level, index, hash)
  select * from unnest($9::smallint[], $10::bigint[], $11::bytea[])
), touches as (
  insert into audit_resources (resource, seq, action, fields)
  select resource, seq, action, string_to_array(fields, ',')
  from unnest($12::text[], $13::bigint[], $14::text[], $15::text[]) as t (resource, seq, action, fields)
)
update audit_head set seq = $4, hash = $6, revision = $7, tree = $8
"""
_KEEP_PERSONAL = """
insert into audit_personal (seq, field, about, salt, value)
select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::bytea[])
"""
_FORGET = "delete from audit_personal where about = $1 returning seq"
_NODES = """
select n.level, n.index, n.hash from audit_nodes n
join unnest($1::smallint[], $2::bigint[]) as wanted (level, index) using (level, index)
"""
_LEAVES = "select fact from audit_entries where seq > $1 and seq <= $2 order by seq"
_TOUCHING = """
select e.seq, e.recorded_at, e.fact, e.hash, e.changes_state
from audit_resources r join audit_entries e using (seq)
where r.resource = $1 and ($2 = '' or $2 = any(r.fields)) and r.seq < $3
order by r.seq desc limit $4
"""
_ALL = "select seq, recorded_at, fact, hash, changes_state from audit_entries order by seq"
_ENTRIES = """
select seq, recorded_at, fact, hash, changes_state from audit_entries where seq > $1 order by seq limit $2
"""
_CHANGING = """
select seq, recorded_at, fact, hash, changes_state from audit_entries
where seq > $1 and changes_state order by seq limit $2
"""
_RECORDED_AT_LATEST = "select max(recorded_at) from audit_entries where seq > $1 and changes_state"


async def lock_head(raw: asyncpg.Connection) -> AuditHead:
    """Where the audit log ends; nobody else appends until this transaction ends."""
    return AuditHead(*await raw.fetchrow(_LOCK_HEAD))


async def head(raw: asyncpg.Connection) -> AuditHead:
    """Where the audit log ends now."""
    return AuditHead(*await raw.fetchrow(_HEAD))


async def append(
    raw: asyncpg.Connection,
    entries: Sequence[AuditEntry],
    end: AuditHead,
    *,
    completed: Mapping[Subtree, bytes],
    touches: Sequence[Touch] = (),
    personal: Sequence[SealedValue] = (),
) -> None:
    """Writes new entries, what they complete and touch, and the log's new end, which must be locked.

    The entries are those of one transaction: they follow one another up to the end, and have one time.
    """
    await raw.execute(
        _APPEND,
        [entry.fact for entry in entries],
        [entry.hash for entry in entries],
        [entry.changes_state for entry in entries],
        end.seq,
        entries[-1].recorded_at,
        end.hash,
        end.revision,
        end.tree,
        *_node_columns(completed),
        *_touch_columns(touches),
    )
    if personal:
        await raw.execute(_KEEP_PERSONAL, *_personal_columns(personal))


async def entries_after(raw: asyncpg.Connection, seq: int, *, limit: int) -> list[AuditEntry]:
    """The entries after a number, oldest first, at most `limit`."""
    return [AuditEntry(*row) for row in await raw.fetch(_ENTRIES, seq, limit)]


async def changing_entries_after(
    raw: asyncpg.Connection, seq: int, *, limit: int
) -> list[AuditEntry]:
    """The entries after a number that changed state, oldest first, at most `limit`."""
    return [AuditEntry(*row) for row in await raw.fetch(_CHANGING, seq, limit)]


async def recorded_at_latest(raw: asyncpg.Connection, *, after_seq: int) -> datetime | None:
    """The latest time of the entries after a number that changed state; None when there are none."""
    latest: datetime | None = await raw.fetchval(_RECORDED_AT_LATEST, after_seq)
    return latest


async def entries_about(
    raw: asyncpg.Connection, resource: str, field: str, *, before_seq: int, limit: int
) -> list[AuditEntry]:
    """The entries about a resource, or one of its fields where one is named; newest first."""
    rows = await raw.fetch(_TOUCHING, resource, field, before_seq, limit)
    return [AuditEntry(*row) for row in rows]


async def every_entry(
    raw: asyncpg.Connection, *, batch_size: int
) -> AsyncIterator[list[AuditEntry]]:
    """The whole log, oldest first, in batches; inside a transaction, which fixes its end."""
    cursor = await raw.cursor(_ALL)
    while rows := await cursor.fetch(batch_size):
        yield [AuditEntry(*row) for row in rows]


async def subtree_roots(
    raw: asyncpg.Connection, wanted: Collection[Subtree]
) -> dict[Subtree, bytes]:
    """The roots of complete subtrees, kept ones and those made from the entries of their tile."""
    kept = [each for each in wanted if each.level >= TILE_LEVEL]
    rows = await raw.fetch(_NODES, [each.level for each in kept], [each.number for each in kept])
    known = {Subtree(level, index): digest for level, index, digest in rows}
    small = [each for each in wanted if each.level < TILE_LEVEL]
    for tile in {each.number << each.level >> TILE_LEVEL for each in small}:
        known |= await _roots_in_tile(raw, tile, small)
    return known


async def forget(raw: asyncpg.Connection, about: str) -> list[int]:
    """Erases the personal values of somebody, with their salts; returns the entries that commit to them."""
    return sorted({row[0] for row in await raw.fetch(_FORGET, about)})


async def _roots_in_tile(
    raw: asyncpg.Connection, tile: int, wanted: Sequence[Subtree]
) -> dict[Subtree, bytes]:
    first = tile * TILE_LEAVES
    rows = await raw.fetch(_LEAVES, first, first + TILE_LEAVES)
    leaves = [leaf_hash(fact) for (fact,) in rows]
    found = {}
    for each in wanted:
        begin = (each.number << each.level) - first
        if 0 <= begin < TILE_LEAVES:
            found[each] = root_of(leaves[begin : begin + (1 << each.level)])
    return found


def _node_columns(completed: Mapping[Subtree, bytes]) -> tuple[list[int], list[int], list[bytes]]:
    return (
        [each.level for each in completed],
        [each.number for each in completed],
        list(completed.values()),
    )


def _touch_columns(
    touches: Sequence[Touch],
) -> tuple[list[str], list[int], list[str], list[str]]:
    return (
        [touch.resource for touch in touches],
        [touch.seq for touch in touches],
        [touch.action for touch in touches],
        [",".join(touch.fields) for touch in touches],
    )


def _personal_columns(values: Sequence[SealedValue]) -> tuple[list[object], ...]:
    return (
        [each.seq for each in values],
        [each.field for each in values],
        [each.about for each in values],
        [each.salt for each in values],
        [each.sealed for each in values],
    )
