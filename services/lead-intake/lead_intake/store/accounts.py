"""Accounts: their rows, with key and secrets sealed, and the mapping of each that is in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg

    from lead_intake.domain.leads import AccountId

QUERY_TIMEOUT_S = 5.0

_COLUMNS = """
  accounts.account_id, channel, account, key_hmac, sealed_secrets, is_lead_channel, template, rps, closed_at,
  mappings.version, mappings.document
"""
_ALL = f"""
select {_COLUMNS}
from accounts left join mappings on mappings.account_id = accounts.account_id and mappings.retired_at is null
"""
_FIND = f"{_ALL} where channel = $1 and account = $2"
_LOCK = f"{_FIND} for update of accounts"
_REVISIONS = "select count(*), coalesce(sum(revision), 0)::bigint from accounts"
_PUT = """
insert into accounts
  (channel, account, key_hmac, sealed_key, sealed_secrets, is_lead_channel, template, rps, revision)
values ($1, $2, $3, $4, $5, $6, $7, $8, 1)
on conflict (channel, account) do update
set sealed_secrets = excluded.sealed_secrets, is_lead_channel = excluded.is_lead_channel,
    template = excluded.template, rps = excluded.rps, closed_at = null, revision = accounts.revision + 1
returning sealed_key
"""
_KEY = "select sealed_key from accounts where channel = $1 and account = $2"
_CLOSE = "update accounts set closed_at = $2, revision = revision + 1 where account_id = $1"
_TOUCH = "update accounts set revision = revision + 1 where account_id = $1"
_LIST = """
select channel, account, last_delivery_at, closed_at, template from accounts order by channel, account
"""
_SEEN = """
update accounts set last_delivery_at = greatest(last_delivery_at, seen.at)
from (select * from unnest($1::integer[], $2::timestamptz[]) as s (account_id, at) order by account_id) as seen
where accounts.account_id = seen.account_id
"""


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """One account as it is kept. `closed_at` is None while it is open; the last two are its own mapping in force."""

    account_id: AccountId
    channel: str
    account: str
    key_hmac: bytes
    sealed_secrets: bytes
    is_lead_channel: bool = True
    template: str = ""
    rps: float | None = None
    closed_at: datetime | None = None
    mapping_version: int | None = None
    mapping_document: str | None = None


@dataclass(frozen=True, slots=True)
class AccountTraffic:
    """One account and when its last authentic delivery was stored."""

    channel: str
    account: str
    last_delivery_at: datetime | None
    closed_at: datetime | None
    template: str


async def revisions(raw: asyncpg.Connection) -> tuple[int, int]:
    """A pair that differs after any change of any account or its mapping."""
    row = await raw.fetchrow(_REVISIONS, timeout=QUERY_TIMEOUT_S)
    return (row[0], row[1])


async def every_account(raw: asyncpg.Connection) -> list[SealedAccount]:
    """All accounts, closed ones too."""
    return [SealedAccount(*row) for row in await raw.fetch(_ALL, timeout=QUERY_TIMEOUT_S)]


async def find(raw: asyncpg.Connection, channel: str, account: str) -> SealedAccount | None:
    """One account, closed or not; None when there is none."""
    row = await raw.fetchrow(_FIND, channel, account)
    return None if row is None else SealedAccount(*row)


async def lock(raw: asyncpg.Connection, channel: str, account: str) -> SealedAccount | None:
    """One account, which nobody else changes until the transaction ends; None when there is none."""
    row = await raw.fetchrow(_LOCK, channel, account)
    return None if row is None else SealedAccount(*row)


async def put(raw: asyncpg.Connection, account: SealedAccount, *, sealed_key: bytes) -> bytes:
    """Creates the account, or changes and opens the one with its name; returns the sealed key it has."""
    key: bytes = await raw.fetchval(
        _PUT,
        account.channel,
        account.account,
        account.key_hmac,
        sealed_key,
        account.sealed_secrets,
        account.is_lead_channel,
        account.template,
        account.rps,
    )
    return key


async def sealed_key_of(raw: asyncpg.Connection, channel: str, account: str) -> bytes:
    """The sealed key of an account that is there."""
    key: bytes = await raw.fetchval(_KEY, channel, account)
    return key


async def close(raw: asyncpg.Connection, account_id: AccountId, *, at: datetime) -> None:
    """Lets nothing in any more."""
    await raw.execute(_CLOSE, account_id, at)


async def touch(raw: asyncpg.Connection, account_id: AccountId) -> None:
    """Makes every process read the account anew."""
    await raw.execute(_TOUCH, account_id)


async def list_traffic(raw: asyncpg.Connection) -> list[AccountTraffic]:
    """The accounts by channel and name."""
    return [AccountTraffic(*row) for row in await raw.fetch(_LIST)]


async def mark_seen(raw: asyncpg.Connection, seen: Mapping[AccountId, datetime]) -> None:
    """Remembers when accounts last delivered."""
    ids: Sequence[AccountId] = sorted(seen)
    await raw.execute(_SEEN, ids, [seen[i] for i in ids], timeout=QUERY_TIMEOUT_S)
