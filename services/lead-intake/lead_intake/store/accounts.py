"""Accounts: their rows, with key and secrets sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg

    from lead_intake.domain.leads import AccountId

QUERY_TIMEOUT_S = 5.0

_ALL = "select account_id, channel, account, key_hmac, sealed_secrets from accounts"
_REVISIONS = "select count(*), coalesce(sum(revision), 0)::bigint from accounts"
_PUT = """
insert into accounts (channel, account, key_hmac, sealed_key, sealed_secrets, revision)
values ($1, $2, $3, $4, $5, 1)
on conflict (channel, account) do update
set sealed_secrets = excluded.sealed_secrets, revision = accounts.revision + 1
returning sealed_key
"""
_LIST = "select channel, account, last_delivery_at from accounts order by channel, account"
_SEEN = """
update accounts set last_delivery_at = greatest(last_delivery_at, seen.at)
from (select * from unnest($1::integer[], $2::timestamptz[]) as s (account_id, at) order by account_id) as seen
where accounts.account_id = seen.account_id
"""


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """One account as it is kept."""

    account_id: AccountId
    channel: str
    account: str
    key_hmac: bytes
    sealed_secrets: bytes


@dataclass(frozen=True, slots=True)
class AccountTraffic:
    """One account and when its last authentic delivery was stored."""

    channel: str
    account: str
    last_delivery_at: datetime | None


async def revisions(raw: asyncpg.Connection) -> tuple[int, int]:
    """A pair that differs after any change of any account."""
    row = await raw.fetchrow(_REVISIONS, timeout=QUERY_TIMEOUT_S)
    return (row[0], row[1])


async def every_account(raw: asyncpg.Connection) -> list[SealedAccount]:
    """All accounts."""
    return [SealedAccount(*row) for row in await raw.fetch(_ALL, timeout=QUERY_TIMEOUT_S)]


async def put(raw: asyncpg.Connection, account: SealedAccount, *, sealed_key: bytes) -> bytes:
    """Creates the account, or changes the secrets of the one with its name; returns the sealed key it has."""
    key: bytes = await raw.fetchval(
        _PUT,
        account.channel,
        account.account,
        account.key_hmac,
        sealed_key,
        account.sealed_secrets,
    )
    return key


async def list_traffic(raw: asyncpg.Connection) -> list[AccountTraffic]:
    """The accounts by channel and name."""
    return [AccountTraffic(*row) for row in await raw.fetch(_LIST)]


async def mark_seen(raw: asyncpg.Connection, seen: Mapping[AccountId, datetime]) -> None:
    """Remembers when accounts last delivered."""
    ids: Sequence[AccountId] = sorted(seen)
    await raw.execute(_SEEN, ids, [seen[i] for i in ids], timeout=QUERY_TIMEOUT_S)
