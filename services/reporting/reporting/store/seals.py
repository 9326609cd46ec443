"""Checkpoints of permissions' audit log that wait, what was proved last, and evidence against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.witness import Seen

from reporting.domain.seals import Seal

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_KEEP_SEAL = "insert into audit_seals (event_id, note, received_at) values ($1, $2, $3) on conflict do nothing"
_SEALS = """
select event_id, note, received_at from audit_seals where is_proved = $1 order by event_id limit $2
"""
_MARK_PROVED = "update audit_seals set is_proved = true where event_id = $1"
_DROP_SEAL = "delete from audit_seals where event_id = $1 and is_proved = $2"
_GIVE_UP = """
with given_up as (delete from audit_seals where is_proved and received_at < $1 returning 1)
select count(*) from given_up
"""
_LAST = "select origin, size, root, note, public_key from last_checkpoints where followed = $1"
_REMEMBER_FIRST = """
insert into last_checkpoints (followed, origin, size, root, note, public_key, proved_at)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning true
"""
_REMEMBER_NEXT = """
update last_checkpoints set origin = $2, size = $3, root = $4, note = $5, public_key = $6, proved_at = $7
where followed = $1 and size = $8 and root = $9 returning true
"""
_REFUSE = """
with done as (delete from audit_seals where event_id = $1)
insert into refused_checkpoints (event_id, reason, note, seen_note, refused_at)
select $1, $2, $3, $4, $5 where (select count(*) from refused_checkpoints) < $6
on conflict do nothing
"""
FOLLOWED = "permissions"
REFUSED_KEPT_MAX = 1000


async def keep_seal(raw: asyncpg.Connection, seal: Seal) -> None:
    """Keeps a checkpoint to be proved; again is no effect."""
    await raw.execute(_KEEP_SEAL, seal.event_id, seal.note, seal.received_at)


async def seals(raw: asyncpg.Connection, *, is_proved: bool, limit: int) -> list[Seal]:
    """Checkpoints that are to be proved, or to be co-signed; oldest first, at most `limit`."""
    return [Seal(*row) for row in await raw.fetch(_SEALS, is_proved, limit)]


async def mark_proved(raw: asyncpg.Connection, event_id: UUID) -> None:
    """The checkpoint is good, and remains to be co-signed."""
    await raw.execute(_MARK_PROVED, event_id)


async def drop_seal(raw: asyncpg.Connection, event_id: UUID, *, is_proved: bool) -> None:
    """Nothing remains to be done about a checkpoint, unless another process has brought it on meanwhile."""
    await raw.execute(_DROP_SEAL, event_id, is_proved)


async def give_up_before(raw: asyncpg.Connection, before: datetime) -> int:
    """Drops what was proved and could not be co-signed since then; says how much that was."""
    return int(await raw.fetchval(_GIVE_UP, before))


async def last_checkpoint(raw: asyncpg.Connection) -> tuple[Seen | None, bytes | None]:
    """What was seen last of permissions' log, and the key that was trusted then."""
    row = await raw.fetchrow(_LAST, FOLLOWED)
    return (Seen(*row[:4]), row[4]) if row else (None, None)


async def remember(
    raw: asyncpg.Connection,
    seen: Seen,
    public_key: bytes | None,
    *,
    before: Seen | None,
    now: datetime,
) -> bool:
    """Remembers a checkpoint in the place of the one before; False when another process has moved on meanwhile."""
    row = (FOLLOWED, seen.origin, seen.size, seen.root, seen.note, public_key, now)
    if before is None:
        return bool(await raw.fetchval(_REMEMBER_FIRST, *row))
    return bool(await raw.fetchval(_REMEMBER_NEXT, *row, before.size, before.root))


async def keep_refused(
    raw: asyncpg.Connection, seal: Seal, reason: str, *, seen: Seen | None, now: datetime
) -> None:
    """Keeps a checkpoint as evidence, of which there are 1,000 pieces at most."""
    seen_note = seen.note if seen else None
    await raw.execute(_REFUSE, seal.event_id, reason, seal.note, seen_note, now, REFUSED_KEPT_MAX)


async def refused_count(raw: asyncpg.Connection) -> int:
    """How many pieces of evidence wait for somebody to look at them."""
    return int(await raw.fetchval("select count(*) from refused_checkpoints"))
