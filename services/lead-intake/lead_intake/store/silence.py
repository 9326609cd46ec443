"""Traffic by the hour, silences, and what is expected of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from lead_intake.domain.leads import AccountId
from lead_intake.domain.silence import Expectation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg

PULLED_KEY = b"pull:"
"""How the dedupe key of a delivery begins that we fetched ourselves: such a one is no sign of life."""

UNPUSHED = ("file_import",)
"""Channels of leads that nobody pushes."""

LATE_ID = timedelta(minutes=1)
"""How much older than its storing a delivery's id may be: it waits for its commit with the id it got at the door."""

_COUNTED = "select counted_until from traffic_counted for update skip locked"
_COUNT = """
with came as (
  select account_id, date_trunc('hour', received_at) as hour, count(*) as delivery_count
  from deliveries
  where delivery_id >= $1 and received_at >= $2 and received_at < $3 and substring(dedupe_key for 5) <> $4
  group by account_id, date_trunc('hour', received_at)
)
insert into traffic_hours (account_id, hour, delivery_count)
select account_id, hour, delivery_count from came
on conflict (account_id, hour) do update
set delivery_count = traffic_hours.delivery_count + excluded.delivery_count
"""
_ADVANCE = "update traffic_counted set counted_until = $1"
_FORGET = "delete from traffic_hours where hour < $1"
_WATCH_NEW = """
insert into watches (account_id, watched_since)
select account_id, $1 from accounts
where closed_at is null and not exists (select 1 from watches where watches.account_id = accounts.account_id)
on conflict do nothing
"""
_QUIET = """
select accounts.account_id, accounts.channel, accounts.account, accounts.last_delivery_at, watched_since,
  silent_after_s, muted_until, silence_id,
  case when missed_since > accounts.last_delivery_at then missed_count else 0 end
from accounts join watches using (account_id) left join pulls on pulls.account_id = accounts.account_id
left join silences on silences.account_id = accounts.account_id and silences.ended_at is null
where closed_at is null and (
  accounts.last_delivery_at < $1 or silence_id is not null
  or (accounts.last_delivery_at is null and is_lead_channel and not accounts.channel = any($2::text[]))
)
order by accounts.account_id
"""
_STANDING = """
select accounts.account_id, accounts.channel, accounts.account, accounts.last_delivery_at,
  coalesce(watched_since, now()), silent_after_s, muted_until, silence_id, 0
from accounts left join watches using (account_id)
left join silences on silences.account_id = accounts.account_id and silences.ended_at is null
where closed_at is null and ($1 = '' or accounts.channel = $1) order by accounts.channel, accounts.account
"""
_HOURS = """
select account_id, hour, delivery_count from traffic_hours where account_id = any($1::integer[]) and hour >= $2
"""
_RAISE = """
insert into silences (silence_id, account_id, channel, account, last_delivery_at, raised_at, expected_gap_s,
  probability, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict do nothing
returning silence_id
"""
_END = """
update silences set ended_at = accounts.last_delivery_at
from accounts
where silences.account_id = accounts.account_id and ended_at is null
  and accounts.last_delivery_at > coalesce(silences.last_delivery_at, '-infinity')
returning silences.channel, silences.account,
  extract(epoch from accounts.last_delivery_at - coalesce(silences.last_delivery_at, raised_at))::float8
"""
_END_OF_GONE = """
update silences set ended_at = $1
where ended_at is null and not exists (
  select 1 from accounts where accounts.account_id = silences.account_id and closed_at is null
)
"""
_LASTING = "select channel, count(*) from silences where ended_at is null group by channel"
_LIST = """
select channel, account, last_delivery_at, raised_at, ended_at, expected_gap_s, probability, reason
from silences where $1 or ended_at is null
order by ended_at is not null, raised_at desc, silence_id limit $2
"""
_EXPECT = """
insert into watches (account_id, watched_since, silent_after_s, muted_until)
select account_id, $3, $4, $5 from accounts where channel = $1 and account = $2
on conflict (account_id) do update set silent_after_s = excluded.silent_after_s, muted_until = excluded.muted_until
returning account_id
"""


@dataclass(frozen=True, slots=True)
class WatchedAccount:
    """One account, when it was last heard and what is expected of it.

    `silence_id` is that of a lasting silence, `missed_count` how many leads its sender had since that it did not push.
    """

    account_id: AccountId
    channel: str
    account: str
    last_delivery_at: datetime | None
    watched_since: datetime
    expectation: Expectation
    silence_id: UUID | None
    missed_count: int


@dataclass(frozen=True, slots=True)
class KeptSilence:
    """One silence as it is kept."""

    channel: str
    account: str
    last_delivery_at: datetime | None
    raised_at: datetime
    ended_at: datetime | None
    expected_gap_s: float
    probability: float
    reason: str


@dataclass(frozen=True, slots=True)
class EndedSilence:
    """A silence that a delivery ended after `silent_for_s`."""

    channel: str
    account: str
    silent_for_s: float


async def counted_until(raw: asyncpg.Connection) -> datetime | None:
    """Up to when deliveries are counted, locked for this transaction; None while another holds it."""
    moment: datetime | None = await raw.fetchval(_COUNTED)
    return moment


async def count_deliveries(raw: asyncpg.Connection, *, since: datetime, until: datetime) -> None:
    """Counts the deliveries stored from `since` to before `until`, and remembers to have done so."""
    await raw.execute(_COUNT, _first_id(since - LATE_ID), since, until, PULLED_KEY)
    await raw.execute(_ADVANCE, until)


async def forget_hours(raw: asyncpg.Connection, *, before: datetime) -> None:
    """Forgets counts that nobody looks at any more."""
    await raw.execute(_FORGET, before)


async def watch_new_accounts(raw: asyncpg.Connection, *, now: datetime) -> None:
    """Begins to watch accounts that are not watched yet."""
    await raw.execute(_WATCH_NEW, now)


async def quiet_accounts(raw: asyncpg.Connection, *, before: datetime) -> list[WatchedAccount]:
    """The open accounts that have not been heard since `before`, and those that count as silent.

    One that never was heard is among them where leads are pushed to it.
    """
    return [_watched(row) for row in await raw.fetch(_QUIET, before, UNPUSHED)]


async def standing_of(raw: asyncpg.Connection, *, channel: str) -> list[WatchedAccount]:
    """Every account of a channel, or of all where it is empty, by channel and name."""
    return [_watched(row) for row in await raw.fetch(_STANDING, channel)]


async def hours_of(
    raw: asyncpg.Connection, account_ids: Sequence[AccountId], *, since: datetime
) -> dict[AccountId, dict[datetime, int]]:
    """Deliveries by hour of these accounts; hours without any are left out."""
    found: dict[AccountId, dict[datetime, int]] = {account_id: {} for account_id in account_ids}
    for account_id, hour, count in await raw.fetch(_HOURS, account_ids, since):
        found[account_id][hour] = count
    return found


async def raise_silence(
    raw: asyncpg.Connection, account: WatchedAccount, silence: KeptSilence, *, silence_id: UUID
) -> bool:
    """Keeps a new silence; false when one lasts already."""
    kept = await raw.fetchval(
        _RAISE,
        silence_id,
        account.account_id,
        silence.channel,
        silence.account,
        silence.last_delivery_at,
        silence.raised_at,
        silence.expected_gap_s,
        silence.probability,
        silence.reason,
    )
    return kept is not None


async def end_silences(raw: asyncpg.Connection, *, now: datetime) -> list[EndedSilence]:
    """Ends the silences of accounts that were heard again; those of accounts that are gone end without a word."""
    await raw.execute(_END_OF_GONE, now)
    return [EndedSilence(*row) for row in await raw.fetch(_END)]


async def silent_counts(raw: asyncpg.Connection) -> Mapping[str, int]:
    """How many accounts are silent, by channel."""
    return dict(await raw.fetch(_LASTING))


async def list_silences(
    raw: asyncpg.Connection, *, with_ended: bool, limit: int
) -> list[KeptSilence]:
    """Silences, those that last first, then the newest."""
    return [KeptSilence(*row) for row in await raw.fetch(_LIST, with_ended, limit)]


async def expect(
    raw: asyncpg.Connection, channel: str, account: str, expectation: Expectation, *, now: datetime
) -> bool:
    """Keeps what is expected of an account; false when there is no such account."""
    found = await raw.fetchval(
        _EXPECT, channel, account, now, expectation.silent_after_s, expectation.muted_until
    )
    return found is not None


def _watched(row: asyncpg.Record) -> WatchedAccount:
    account_id, channel, account, last_delivery_at, since, silent_after_s, muted_until, *rest = row
    silence_id, missed_count = rest
    return WatchedAccount(
        AccountId(account_id),
        channel,
        account,
        last_delivery_at,
        since,
        Expectation(silent_after_s, muted_until),
        silence_id,
        missed_count,
    )


def _first_id(moment: datetime) -> UUID:
    """A UUIDv7 that is before every one made at that moment or later."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
