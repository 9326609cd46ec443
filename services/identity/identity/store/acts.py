"""What stewards asked for under which key, and what came of it: a repeated call is answered, not done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.store.locks import GATE, KEPT_PLANS

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

# Whoever has to wait for another holder of the key does so without the gate.
_CLAIM = f"""
with claimed as (
  insert into steward_acts (actor, idempotency_key, digest, outcome, made_at) values ($1, $2, $3, '', $4)
  on conflict do nothing returning true as is_new
)
select is_new, pg_advisory_xact_lock_shared({GATE}, 0), {KEPT_PLANS} from claimed
"""
_OUTCOME = "select digest, outcome from steward_acts where actor = $1 and idempotency_key = $2"
_FINISH = "update steward_acts set outcome = $3 where actor = $1 and idempotency_key = $2"
FORGOTTEN_AT_ONCE = 1_000

_FORGET = f"""
delete from steward_acts where (actor, idempotency_key) in (
  select actor, idempotency_key from steward_acts where made_at < $1 order by made_at limit {FORGOTTEN_AT_ONCE}
)
"""


async def claim(
    raw: asyncpg.Connection, actor: str, key: str, *, digest: bytes, at: datetime
) -> tuple[bytes, bytes] | None:
    """Takes a key for this transaction, and enters the gate; of a used key, the digest and outcome of its first use.

    Waits for another transaction that holds the key.
    """
    if await raw.fetchval(_CLAIM, actor, key, digest, at):
        return None
    row = await raw.fetchrow(_OUTCOME, actor, key)
    return (row["digest"], row["outcome"])


async def finish(raw: asyncpg.Connection, actor: str, key: str, *, outcome: bytes) -> None:
    """Keeps what came of it."""
    await raw.execute(_FINISH, actor, key, outcome)


async def forget(raw: asyncpg.Connection, *, before: datetime) -> bool:
    """Forgets at most 1,000 keys that are too old to be tried again; says whether there may be more."""
    done: str = await raw.execute(_FORGET, before)
    return done == f"DELETE {FORGOTTEN_AT_ONCE}"
