"""Pulls: how far each account is compared with what its sender has; leased, so that one replica compares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    import asyncpg

    from lead_intake.domain.leads import AccountId

_BEGIN = """
insert into pulls (account_id, compared_until, due_at, failure_count, is_permanent, is_told, seen_count,
  backfilled_count)
select account_id, $2, now(), 0, false, false, 0, 0 from accounts
where closed_at is null and channel = any($1::text[])
on conflict do nothing
"""
_LEASE = """
update pulls set lease_id = $1, leased_until = now() + $2::interval
where account_id in (
  select account_id from pulls join accounts using (account_id)
  where due_at <= now() and closed_at is null and (leased_until is null or leased_until < now())
  order by due_at limit $3 for update of pulls skip locked
)
returning account_id, compared_until, failure_count
"""
_KEEP_LEASE = "update pulls set leased_until = now() + $3::interval where account_id = $1 and lease_id = $2 returning 1"
_SUCCEED = """
update pulls set compared_until = greatest(compared_until, $3), due_at = now() + $4::interval, lease_id = null,
  leased_until = null, failure_count = 0, failure = null, is_permanent = false, is_told = false,
  seen_count = seen_count + $5, backfilled_count = backfilled_count + $6::integer,
  missed_count = $6::integer + case when missed_since > last_delivery_at then missed_count else 0 end,
  missed_since = case when missed_since > last_delivery_at then missed_since when $6::integer > 0 then now() end
from accounts
where pulls.account_id = $1 and lease_id = $2 and accounts.account_id = pulls.account_id
"""
_FAIL = """
update pulls set due_at = now() + $3::interval, lease_id = null, leased_until = null, failure_count = $4, failure = $5,
  is_permanent = $6, is_told = before.is_told or $7::boolean
from pulls as before
where pulls.account_id = $1 and pulls.lease_id = $2 and before.account_id = pulls.account_id
returning $7::boolean and not before.is_told
"""
_RELEASE = """
update pulls set due_at = now() + $3::interval, lease_id = null, leased_until = null
where account_id = $1 and lease_id = $2
"""
_HASTEN = """
update pulls set due_at = now()
where account_id = any($1::integer[]) and due_at > now() and failure_count = 0
"""
_LIST = """
select account_id, channel, account, compared_until, due_at, failure_count, coalesce(failure, ''), is_permanent,
  seen_count, backfilled_count
from pulls join accounts using (account_id) where closed_at is null order by channel, account
"""
_KNOWN = "select external_id from items where account_id = $1 and external_id = any($2::text[])"


@dataclass(frozen=True, slots=True)
class LeasedPull:
    """An account to be compared; nobody else compares it while the lease is kept."""

    account_id: AccountId
    compared_until: datetime
    failure_count: int


@dataclass(frozen=True, slots=True)
class KeptPull:
    """How far one account is compared."""

    account_id: AccountId
    channel: str
    account: str
    compared_until: datetime
    due_at: datetime
    failure_count: int
    failure: str
    is_permanent: bool
    seen_count: int
    backfilled_count: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison came to: everything until then was seen, and what of it had not come by itself."""

    until: datetime
    seen_count: int
    backfilled_count: int


@dataclass(frozen=True, slots=True)
class Setback:
    """A comparison that failed. `is_telling` when its row of failures is long enough to be stated."""

    failure: str
    failure_count: int
    is_permanent: bool
    is_telling: bool


async def begin(
    raw: asyncpg.Connection, channels: Sequence[str], *, compared_until: datetime
) -> None:
    """Begins to compare the accounts of these channels that are not compared yet."""
    await raw.execute(_BEGIN, channels, compared_until)


async def lease(
    raw: asyncpg.Connection, *, lease_id: UUID, duration: timedelta, limit: int
) -> list[LeasedPull]:
    """Takes accounts that are due; after `duration` others may take them."""
    rows = await raw.fetch(_LEASE, lease_id, duration, limit)
    return [LeasedPull(*row) for row in rows]


async def keep_lease(
    raw: asyncpg.Connection, account_id: AccountId, *, lease_id: UUID, duration: timedelta
) -> bool:
    """Prolongs a lease; false when it was lost to another."""
    return bool(await raw.fetchval(_KEEP_LEASE, account_id, lease_id, duration))


async def succeed(
    raw: asyncpg.Connection,
    account_id: AccountId,
    compared: Compared,
    *,
    lease_id: UUID,
    next_in: timedelta,
) -> None:
    """Moves the watermark, unless the lease was lost; it never moves back.

    Counts on what was missed since the account delivered last.
    """
    await raw.execute(
        _SUCCEED,
        account_id,
        lease_id,
        compared.until,
        next_in,
        compared.seen_count,
        compared.backfilled_count,
    )


async def fail(
    raw: asyncpg.Connection,
    account_id: AccountId,
    setback: Setback,
    *,
    lease_id: UUID,
    next_in: timedelta,
) -> bool:
    """Keeps a failure and leaves the watermark; says whether the row of failures is to be stated now."""
    return bool(
        await raw.fetchval(
            _FAIL,
            account_id,
            lease_id,
            next_in,
            setback.failure_count,
            setback.failure,
            setback.is_permanent,
            setback.is_telling,
        )
    )


async def release(
    raw: asyncpg.Connection, account_id: AccountId, *, lease_id: UUID, next_in: timedelta
) -> None:
    """Gives up a lease without having tried."""
    await raw.execute(_RELEASE, account_id, lease_id, next_in)


async def hasten(raw: asyncpg.Connection, account_ids: Sequence[AccountId]) -> None:
    """Lets accounts be compared at once; those that fail keep their delay."""
    await raw.execute(_HASTEN, account_ids)


async def list_pulls(raw: asyncpg.Connection) -> list[KeptPull]:
    """The accounts that can be compared, by channel and name."""
    return [KeptPull(*row) for row in await raw.fetch(_LIST)]


async def by_account(raw: asyncpg.Connection) -> Mapping[AccountId, KeptPull]:
    """The same by account."""
    return {pull.account_id: pull for pull in await list_pulls(raw)}


async def known(
    raw: asyncpg.Connection, account_id: AccountId, external_ids: Sequence[str]
) -> set[str]:
    """Which of these sender's ids an account has an item of."""
    return {row[0] for row in await raw.fetch(_KNOWN, account_id, external_ids)}
