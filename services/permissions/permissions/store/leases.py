"""Who owns what, under which lease, and how many claims each person made on a day.

Every statement works on a whole batch. Writers hold the end of the audit log, so no row is locked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.changes import LeasePut

from permissions.domain.leases import Lease

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    import asyncpg
    from accesskit.changes import Change
    from accesskit.facts import Entity

_PUT_TYPES = {
    "resource_type": "text",
    "resource_id": "text",
    "owner_id": "text",
    "touched_at_s": "float8",
    "version": "bigint",
    "suspended_until_s": "float8",
    "is_exempt": "boolean",
    "former_owner_id": "text",
    "cool_until_s": "float8",
    "seq": "bigint",
}
_TYPES = {
    **_PUT_TYPES,
    "assignment_no": "integer",
    "granted_at_s": "float8",
    "noticed_state": "text",
    "episode": "integer",
    "channel": "text",
    "received_at_s": "float8",
}
COLUMNS = ", ".join(_TYPES)
_OF = f"""
select l.* from unnest($1::text[], $2::text[]) as asked (type, id)
cross join lateral (
  select {COLUMNS} from leases where resource_type = asked.type and resource_id = asked.id
  offset 0  -- keeps the planner at one index look-up per resource, also while the table is young
) l
"""
_SAVE = f"""
insert into leases ({COLUMNS})
select * from unnest({", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_TYPES.values(), 1))})
on conflict (resource_type, resource_id) do update set
  {", ".join(f"{name} = excluded.{name}" for name in list(_TYPES)[2:])}
where leases.version <= excluded.version
"""
_LOAD = f"select {', '.join(_PUT_TYPES)} from leases"
_OWNED_BY = f"""
select {COLUMNS} from leases where owner_id = $1 and (resource_type, resource_id) > ($2, $3)
order by resource_type, resource_id limit $4
"""
_OWNED_COUNT = "select count(*) from leases where owner_id = $1"
_UNLOGGED = f"select {COLUMNS} from leases where version = 0 order by resource_id limit $1"
_PROTECTED = "select count(*) from leases where owner_id = $1 and suspended_until_s > $2"
_CLAIMS = "select coalesce(sum(count), 0) from claims where principal_id = $1 and day = $2"
_COUNT_CLAIM = """
insert into claims (principal_id, day, count) values ($1, $2, 1)
on conflict (principal_id, day) do update set count = claims.count + 1
"""
_REACHED = "select reached_s from lease_clock"
_REACH = "update lease_clock set reached_s = $1 where reached_s < $1"


async def load(raw: asyncpg.Connection) -> list[Change]:
    """All of them, as the changes that state them."""
    return [LeasePut(*row) for row in await raw.fetch(_LOAD)]


async def of_resources(
    raw: asyncpg.Connection, resources: Collection[Entity]
) -> dict[Entity, Lease]:
    """The leases of those resources that are on record."""
    types, ids = [each.type for each in resources], [each.id for each in resources]
    found = [lease_of(row) for row in await raw.fetch(_OF, types, ids)]
    return {lease.resource: lease for lease in found}


async def save(raw: asyncpg.Connection, leases: Collection[Lease]) -> None:
    """Writes leases, each resource once; the end of the log must be held."""
    columns = list(zip(*(_values(lease) for lease in leases), strict=True))
    if columns:
        await raw.execute(_SAVE, *columns)


async def owned_by(
    raw: asyncpg.Connection, owner_id: str, *, after: Entity, limit: int
) -> list[Lease]:
    """What somebody owns on record, in order of type and id, after a resource, at most `limit`."""
    rows = await raw.fetch(_OWNED_BY, owner_id, after.type, after.id, limit)
    return [lease_of(row) for row in rows]


async def owned_count(raw: asyncpg.Connection, owner_id: str) -> int:
    """How many resources somebody owns on record."""
    return int(await raw.fetchval(_OWNED_COUNT, owner_id))


async def unlogged(raw: asyncpg.Connection, *, limit: int) -> list[Lease]:
    """Leases that no entry of the log states: they were on record before the log held changes."""
    return [lease_of(row) for row in await raw.fetch(_UNLOGGED, limit)]


async def protected_count(raw: asyncpg.Connection, owner_id: str, *, now_s: float) -> int:
    """How many resources of an owner are protected at a time."""
    return int(await raw.fetchval(_PROTECTED, owner_id, now_s))


async def claim_count(raw: asyncpg.Connection, principal_id: str, day: date) -> int:
    """How many resources somebody claimed on a day."""
    return int(await raw.fetchval(_CLAIMS, principal_id, day))


async def count_claim(raw: asyncpg.Connection, principal_id: str, day: date) -> None:
    """Notes one claim more."""
    await raw.execute(_COUNT_CLAIM, principal_id, day)


async def reached_s(raw: asyncpg.Connection) -> float:
    """The latest time at which leases were looked at, Unix seconds."""
    return float(await raw.fetchval(_REACHED))


async def reach(raw: asyncpg.Connection, now_s: float) -> None:
    """Notes that leases were looked at; an earlier time than the latest changes nothing."""
    await raw.execute(_REACH, now_s)


def lease_of(row: Sequence[object]) -> Lease:
    """The lease in a row of `COLUMNS`."""
    values = tuple(row)
    return Lease(LeasePut(*values[:10]), *values[10:])  # type: ignore[arg-type]  # a row in the order of COLUMNS


def _values(lease: Lease) -> tuple[object, ...]:
    put = lease.put
    return (
        put.resource_type,
        put.resource_id,
        put.owner_id,
        put.touched_at_s,
        put.version,
        put.suspended_until_s,
        put.is_exempt,
        put.former_owner_id,
        put.cool_until_s,
        put.seq,
        lease.assignment_no,
        lease.granted_at_s,
        lease.noticed,
        lease.episode,
        lease.channel,
        lease.received_at_s,
    )
