"""Contacts with customers that other systems report, and where customers' addresses are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.follow_ups import Contact, EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from engagement.domain.places import Place
    from engagement.seals import Seals

LISTED_MAX = 100

# In order of the key, so that two batches with the same customers cannot wait for each other in a circle.
_LOCK = """
select pg_advisory_xact_lock(key)
from (select distinct hashtextextended('contacts/' || g, 0) as key from unnest($1::text[]) as g order by 1) as keys
"""
_COLUMNS = "contact_id, golden_id, kind, happened_at, person, seconds, message_count, follow_up_id"
_KEEP = f"""
insert into contacts as kept (contact_id, golden_id, kind, happened_at, person, seconds, message_count)
select t.contact_id, coalesce(a.into_golden_id, t.golden_id), t.kind, t.happened_at, t.person, t.seconds,
       t.message_count
from unnest($1::uuid[], $2::text[], $3::int2[], $4::timestamptz[], $5::text[], $6::int4[], $7::int4[])
  as t (contact_id, golden_id, kind, happened_at, person, seconds, message_count)
left join golden_aliases a on a.golden_id = t.golden_id
order by t.contact_id
on conflict (contact_id) do update set
  golden_id = coalesce(nullif(kept.golden_id, ''), excluded.golden_id),
  happened_at = least(kept.happened_at, excluded.happened_at),
  person = coalesce(nullif(kept.person, ''), excluded.person),
  seconds = greatest(kept.seconds, excluded.seconds),
  message_count = greatest(kept.message_count, excluded.message_count)
returning {_COLUMNS}
"""
_GET = f"select {_COLUMNS} from contacts where contact_id = any($1::uuid[])"
_FREE = f"""
select {_COLUMNS} from contacts
where golden_id = $1 and follow_up_id is null and happened_at between $2 and $3
order by happened_at, contact_id
"""
_LIST = f"""
select {_COLUMNS} from contacts where golden_id = $1 order by happened_at desc, contact_id limit {LISTED_MAX}
"""
_BIND = """
update contacts set follow_up_id = t.follow_up_id
from unnest($1::uuid[], $2::uuid[]) as t (contact_id, follow_up_id) where contacts.contact_id = t.contact_id
"""
_PUT_POINT = """
insert into address_points (golden_id, lead_id, sealed_point, put_by, put_at) values ($1, $2, $3, $4, $5)
on conflict (golden_id) do update set lead_id = excluded.lead_id, sealed_point = excluded.sealed_point,
  put_by = excluded.put_by, put_at = excluded.put_at
"""
_POINT = "select lead_id, sealed_point from address_points where golden_id = $1"


async def lock(raw: asyncpg.Connection, golden_ids: Collection[str]) -> None:
    """Keeps everybody else from pairing these customers' claims and contacts until the transaction ends."""
    await raw.execute(_LOCK, list(golden_ids))


async def keep(raw: asyncpg.Connection, contacts: Sequence[Contact]) -> list[Contact]:
    """Keeps contacts, each named once, and returns them with all that was ever told of them."""
    rows = await raw.fetch(
        _KEEP,
        [each.contact_id for each in contacts],
        [each.golden_id for each in contacts],
        [each.kind for each in contacts],
        [each.happened_at for each in contacts],
        [each.person for each in contacts],
        [each.seconds for each in contacts],
        [each.message_count for each in contacts],
    )
    return [_contact(row) for row in rows]


async def get(raw: asyncpg.Connection, contact_ids: Sequence[UUID]) -> dict[UUID, Contact]:
    """Those of the contacts that were reported."""
    return {row["contact_id"]: _contact(row) for row in await raw.fetch(_GET, contact_ids)}


async def free(
    raw: asyncpg.Connection, golden_id: str, *, since: datetime, until: datetime
) -> list[Contact]:
    """A customer's contacts of a span that prove no follow-up."""
    return [_contact(row) for row in await raw.fetch(_FREE, golden_id, since, until)]


async def newest(raw: asyncpg.Connection, golden_id: str) -> list[Contact]:
    """A customer's newest contacts, at most `LISTED_MAX`."""
    return [_contact(row) for row in await raw.fetch(_LIST, golden_id)]


async def bind(raw: asyncpg.Connection, pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """Lets contacts prove follow-ups: pairs of their ids."""
    await raw.execute(
        _BIND,
        [contact_id for contact_id, _ in pairs],
        [follow_up_id for _, follow_up_id in pairs],
    )


async def put_point(
    raw: asyncpg.Connection, golden_id: str, sealed: tuple[UUID, bytes], *, by: str, now: datetime
) -> None:
    """Keeps where a customer's address is; `sealed` is the lead that it is sealed for, and the point."""
    lead_id, point = sealed
    await raw.execute(_PUT_POINT, golden_id, lead_id, point, by, now)


async def point(raw: asyncpg.Connection, golden_id: str, seals: Seals) -> Place | None:
    """Where a customer's address is."""
    row = await raw.fetchrow(_POINT, golden_id)
    return None if row is None else seals.open_point(row["lead_id"], row["sealed_point"])


def _contact(row: asyncpg.Record) -> Contact:
    kind = None if row["kind"] is None else EvidenceKind(row["kind"])
    return Contact(**{**dict(row), "kind": kind})
