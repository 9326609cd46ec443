"""What records share with records of other customers, and whose records have yet to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

_NOTE = """
insert into unrelated_customers (customer_id) select c from unnest($1::bigint[]) as c on conflict do nothing
"""
_TAKE = """
delete from unrelated_customers where customer_id in (
  select customer_id from unrelated_customers order by customer_id limit $1 for update skip locked
) returning customer_id
"""
_NEW = """
select r.record_id, r.digest, r.sealed_features from unnest($1::bigint[]) as noted (customer_id)
cross join lateral (select * from records where records.customer_id = noted.customer_id offset 0) r
where not exists (select from relation_keys k where k.record_id = r.record_id offset 0)
"""
_SAVE = """
insert into relation_keys (token, record_id, kind)
select * from unnest($1::bigint[], $2::bigint[], $3::text[]) on conflict do nothing
"""


class SealedRecord(msgspec.Struct, frozen=True):
    """A record's features, sealed."""

    record_id: int
    digest: bytes
    sealed_features: bytes


async def note(raw: asyncpg.Connection, customer_ids: Sequence[int]) -> None:
    """Notes that these customers may have records that nobody has looked at."""
    await raw.execute(_NOTE, customer_ids)


async def take(raw: asyncpg.Connection, limit: int) -> list[int]:
    """Some of those customers, whom nobody else looks at now; they are noted again if the transaction fails."""
    return [customer_id for (customer_id,) in await raw.fetch(_TAKE, limit)]


async def new_records(raw: asyncpg.Connection, customer_ids: Sequence[int]) -> list[SealedRecord]:
    """The records of these customers of which nothing shared is known."""
    if not customer_ids:
        return []
    return [SealedRecord(**dict(row)) for row in await raw.fetch(_NEW, customer_ids)]


async def save(raw: asyncpg.Connection, found: Sequence[tuple[int, int, str]]) -> None:
    """Writes tokens of records, each with its kind."""
    if found:
        await raw.execute(_SAVE, *(list(column) for column in zip(*found, strict=True)))
