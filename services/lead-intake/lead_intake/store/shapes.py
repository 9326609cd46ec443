"""What was learnt of accounts' bodies, and the drifts that were told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from lead_intake.domain.leads import AccountId

_BEGIN = (
    "insert into shapes (account_id, learnt, noticed_at) values ($1, $2, $3) on conflict do nothing"
)
_LOCK = "select learnt from shapes where account_id = $1 for update"
_GET = "select learnt from shapes where account_id = $1"
_PUT = "update shapes set learnt = $2, noticed_at = $3 where account_id = $1"
_ADD = """
insert into drifts (drift_id, account_id, channel, account, event, noticed_at) values ($1, $2, $3, $4, $5, $6)
"""
_PAGE = """
select event from drifts
where ($1 = '' or channel = $1) and ($2 = '' or account = $2) and noticed_at < $3
order by noticed_at desc, drift_id desc limit $4
"""


@dataclass(frozen=True, slots=True)
class KeptDrift:
    """A drift as it was told; `event` is the serialised `SchemaDrifted`."""

    drift_id: UUID
    account_id: AccountId
    channel: str
    account: str
    event: bytes
    noticed_at: datetime


async def lock(
    raw: asyncpg.Connection, account_id: AccountId, *, empty: bytes, now: datetime
) -> bytes:
    """What is learnt of an account, which nobody else changes until the transaction ends; `empty` at first."""
    await raw.execute(_BEGIN, account_id, empty, now)
    learnt: bytes = await raw.fetchval(_LOCK, account_id)
    return learnt


async def learnt_of(raw: asyncpg.Connection, account_id: AccountId) -> bytes | None:
    """What is learnt of an account."""
    learnt: bytes | None = await raw.fetchval(_GET, account_id)
    return learnt


async def put(
    raw: asyncpg.Connection, account_id: AccountId, learnt: bytes, *, now: datetime
) -> None:
    """Keeps what is learnt."""
    await raw.execute(_PUT, account_id, learnt, now)


async def add_drift(raw: asyncpg.Connection, drift: KeptDrift) -> None:
    """Keeps a drift."""
    await raw.execute(
        _ADD,
        drift.drift_id,
        drift.account_id,
        drift.channel,
        drift.account,
        drift.event,
        drift.noticed_at,
    )


async def drifts(
    raw: asyncpg.Connection, *, channel: str, account: str, before: datetime, limit: int
) -> list[bytes]:
    """Drifts told before a time, newest first, serialised; `channel` and `account` may be empty."""
    return [row[0] for row in await raw.fetch(_PAGE, channel, account, before, limit)]
