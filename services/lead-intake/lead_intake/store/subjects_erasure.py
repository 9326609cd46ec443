"""What is kept about some leads in lead-intake: read to be gathered, or taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lead_intake.domain.retention import Deleted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_LOCK_CONTACTS = """
select lead_id, kind, received_at, facts from items where lead_id = any($1::uuid[]) and facts is not null
order by lead_id for update
"""
_KEPT = """
select lead_id, kind, channel, received_at, state, facts from items where lead_id = any($1::uuid[]) order by lead_id
"""
_PUT_FACTS = """
update items set facts = t.facts from unnest($1::uuid[], $2::bytea[]) as t (lead_id, facts)
where items.lead_id = t.lead_id
"""
_DROP_POINTS = "delete from contact_points where lead_id = any($1::uuid[])"
_DROP_RAWS = """
update deliveries set raw = null
where raw is not null and delivery_id in (select delivery_id from items where lead_id = any($1::uuid[]))
returning delivery_id, received_at
"""
_FILES = """
select distinct import_id from items join import_chunks on import_chunks.chunk_id = items.delivery_id
where items.lead_id = any($1::uuid[]) order by import_id
"""
_UNPUBLISHED = (
    "select exists (select from outbox where published_at is null and key = any($1::text[]))"
)
_DROP_PUBLISHED = "delete from outbox where published_at is not null and key = any($1::text[])"


class KeptContact(NamedTuple):
    """The facts of one item, as they are kept; `kind` 0 is a lead."""

    lead_id: UUID
    kind: int
    received_at: datetime
    facts: bytes


class KeptItem(NamedTuple):
    """One item with everything that is kept of it; `kind` 0 is a lead."""

    lead_id: UUID
    kind: int
    channel: str
    received_at: datetime
    state: int
    facts: bytes | None


async def lock_contacts(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[KeptContact]:
    """The items that say something, which nobody else changes until the transaction ends."""
    return [KeptContact(*row) for row in await raw.fetch(_LOCK_CONTACTS, lead_ids)]


async def kept_items(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[KeptItem]:
    """The items."""
    return [KeptItem(*row) for row in await raw.fetch(_KEPT, lead_ids)]


async def put_facts(raw: asyncpg.Connection, facts: Sequence[tuple[UUID, bytes]]) -> None:
    """Writes what is left of the facts of locked items."""
    await raw.execute(_PUT_FACTS, [each[0] for each in facts], [each[1] for each in facts])


async def drop_points(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> None:
    """Forgets how leads name their people."""
    await raw.execute(_DROP_POINTS, lead_ids)


async def drop_raws(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Deleted]:
    """Takes the bodies of the deliveries away in which these items came; returns the deliveries."""
    return [Deleted(*row) for row in await raw.fetch(_DROP_RAWS, lead_ids)]


async def files_of(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[UUID]:
    """The imports by which these items came, or were stated last."""
    return [row[0] for row in await raw.fetch(_FILES, lead_ids)]


async def has_unpublished(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> bool:
    """Whether an event about one of the items has yet to leave."""
    return bool(await raw.fetchval(_UNPUBLISHED, [str(lead_id) for lead_id in lead_ids]))


async def drop_published(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> int:
    """Forgets the events about the items that have left; a rebuilt stream is without them. Returns how many."""
    status: str = await raw.execute(_DROP_PUBLISHED, [str(lead_id) for lead_id in lead_ids])
    return int(status.rpartition(" ")[2])
