"""Subscriptions as they stood when their senders were last asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.domain.silence_subscriptions import Finding, SubscriptionState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    import asyncpg

    from lead_intake.domain.leads import AccountId

_BEGIN = """
insert into subscriptions (account_id, due_at, state, is_lost)
select account_id, now(), 0, false from accounts where closed_at is null and channel = any($1::text[])
on conflict do nothing
"""
_CLAIM = """
update subscriptions set due_at = now() + $2::interval
where account_id in (
  select account_id from subscriptions join accounts using (account_id)
  where due_at <= now() and closed_at is null and channel = any($1::text[])
  order by due_at limit $3 for update of subscriptions skip locked
)
returning account_id
"""
_KEEP = "update subscriptions set state = $2, reason = $3, checked_at = $4, is_lost = $5 where account_id = $1"
_LOCK = "select is_lost from subscriptions where account_id = $1 for update"
_ALL = "select account_id, state, coalesce(reason, ''), checked_at from subscriptions"


@dataclass(frozen=True, slots=True)
class KeptSubscription:
    """How a subscription stood at `checked_at`."""

    state: SubscriptionState
    reason: str
    checked_at: datetime | None


async def begin(raw: asyncpg.Connection, channels: Sequence[str]) -> None:
    """Begins to audit the accounts of these channels that are not audited yet."""
    await raw.execute(_BEGIN, channels)


async def claim(
    raw: asyncpg.Connection, channels: Sequence[str], *, interval: timedelta, limit: int
) -> list[AccountId]:
    """Takes accounts whose subscription is due; they are due again after `interval`, whatever comes of it."""
    return [row[0] for row in await raw.fetch(_CLAIM, channels, interval, limit)]


async def keep(
    raw: asyncpg.Connection, account_id: AccountId, finding: Finding, *, now: datetime
) -> bool | None:
    """Keeps what was found; returns whether it was lost before, or None for an account that is gone.

    What could not be found out leaves open whether it is lost.
    """
    was_lost: bool | None = await raw.fetchval(_LOCK, account_id)
    if was_lost is None:
        return None
    is_lost = was_lost if finding.state is SubscriptionState.UNKNOWN else finding.is_lost
    await raw.execute(_KEEP, account_id, finding.state, finding.reason or None, now, is_lost)
    return was_lost


async def every(raw: asyncpg.Connection) -> Mapping[AccountId, KeptSubscription]:
    """All of them."""
    return {
        row[0]: KeptSubscription(SubscriptionState(row[1]), row[2], row[3])
        for row in await raw.fetch(_ALL)
    }
