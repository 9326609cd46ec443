"""Checkpoints of the audit log, the witnesses' signatures, and the keys in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.domain.checkpoints import Checkpoint, SigningKey

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

_SEALER_LOCK = 0x5EA1
_TRY_LOCK = f"select pg_try_advisory_xact_lock({_SEALER_LOCK})"
_LAST = "select size, sealed_at from audit_checkpoints order by size desc limit 1"
_OLDEST_UNSEALED = """
select recorded_at from audit_entries
where seq = 1 + coalesce((select size from audit_checkpoints order by size desc limit 1), 0)
"""
_PUT = """
insert into audit_checkpoints (size, root, chain_hash, key_id, note, sealed_at)
values ($1, $2, $3, $4, $5, $6)
"""
_COLUMNS = """
c.size, c.root, c.chain_hash, c.key_id, c.note, c.sealed_at,
array(select s.signature_line from audit_cosignatures s where s.size = c.size order by s.witness)
"""
_LIST = f"select {_COLUMNS} from audit_checkpoints c where c.size > $1 order by c.size limit $2"
_LATEST = f"select {_COLUMNS} from audit_checkpoints c order by c.size desc limit 1"
_GET = f"select {_COLUMNS} from audit_checkpoints c where c.size = $1"
_PUT_COSIGNATURE = """
insert into audit_cosignatures (size, witness, signature_line, cosigned_at) values ($1, $2, $3, $4)
on conflict (size, witness) do nothing
"""
_KEY_IN_FORCE = """
select seq, key_id, public_key from audit_signing_keys where seq <= $1 order by seq desc limit 1
"""
_PUT_KEY = "insert into audit_signing_keys (seq, key_id, public_key) values ($1, $2, $3)"


async def try_lock(raw: asyncpg.Connection) -> bool:
    """Whether this transaction alone seals; the lock is free when the transaction ends, however it ends."""
    return bool(await raw.fetchval(_TRY_LOCK))


async def last_sealed(raw: asyncpg.Connection) -> tuple[int, datetime | None]:
    """Size and time of the last checkpoint; 0 and None before the first."""
    row = await raw.fetchrow(_LAST)
    return (row[0], row[1]) if row else (0, None)


async def oldest_unsealed(raw: asyncpg.Connection) -> datetime | None:
    """When the oldest entry that no checkpoint covers was recorded; None when all are covered."""
    recorded_at: datetime | None = await raw.fetchval(_OLDEST_UNSEALED)
    return recorded_at


async def put(raw: asyncpg.Connection, checkpoint: Checkpoint) -> None:
    """Keeps a checkpoint."""
    await raw.execute(
        _PUT,
        checkpoint.size,
        checkpoint.root,
        checkpoint.chain_hash,
        checkpoint.key_id,
        checkpoint.note,
        checkpoint.sealed_at,
    )


async def get(raw: asyncpg.Connection, size: int) -> Checkpoint | None:
    """The checkpoint of a size, or the latest when `size` is 0."""
    row = await (raw.fetchrow(_GET, size) if size else raw.fetchrow(_LATEST))
    return _checkpoint(row) if row else None


async def after(raw: asyncpg.Connection, size: int, *, limit: int) -> list[Checkpoint]:
    """The checkpoints of larger sizes, the smallest first."""
    return [_checkpoint(row) for row in await raw.fetch(_LIST, size, limit)]


async def put_cosignature(
    raw: asyncpg.Connection, size: int, witness: str, signature_line: str, *, now: datetime
) -> None:
    """Keeps a witness's signature; one that is there stays."""
    await raw.execute(_PUT_COSIGNATURE, size, witness, signature_line, now)


async def key_in_force(raw: asyncpg.Connection, size: int) -> SigningKey | None:
    """The key that signs a log of `size` entries; None before the first was announced."""
    row = await raw.fetchrow(_KEY_IN_FORCE, size)
    return SigningKey(*row) if row else None


async def put_key(raw: asyncpg.Connection, key: SigningKey) -> None:
    """Keeps the key that signs from an entry on."""
    await raw.execute(_PUT_KEY, key.seq, key.key_id, key.public_key)


def _checkpoint(row: asyncpg.Record) -> Checkpoint:
    size, root, chain_hash, key_id, note, sealed_at, cosignatures = row
    return Checkpoint(size, root, chain_hash, key_id, note, sealed_at, tuple(cosignatures))
