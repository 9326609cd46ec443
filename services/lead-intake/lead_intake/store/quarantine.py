"""Items in quarantine: listed, looked at, counted for alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    import asyncpg

    from lead_intake.domain.leads import AccountId, DeliveryId, LeadId

_NAMES = """
  lead_id, channel, account, reason, coalesce(detail, ''), received_at, mapping_version, account_id, delivery_id,
  position, external_id is not null
"""
_PAGE = f"""
select {_NAMES} from items
where state = 4 and ($1 = '' or channel = $1) and ($2 = '' or account = $2) and ($3 = '' or reason = $3)
  and (received_at, lead_id) < ($4, $5)
order by received_at desc, lead_id desc limit $6
"""
_GET = f"select {_NAMES} from items where state = 4 and lead_id = $1"
_CROWDED = """
select account_id, min(channel), min(account), count(*)::integer, mode() within group (order by reason)
from items where state = 4 and received_at > now() - $1::interval
group by account_id having count(*) >= $2
"""
_ITEMS = """
select count(*)::integer from (
  select from items where account_id = $1 and received_at > now() - $2::interval limit $3
) as counted
"""
_RAISE = """
insert into quarantine_alarms (account_id, raised_at) values ($1, $2) on conflict do nothing returning account_id
"""
_RAISED = "select account_id from quarantine_alarms"
_LOWER = "delete from quarantine_alarms where account_id = any($1::integer[])"


@dataclass(frozen=True, slots=True)
class QuarantinedItem:
    """One item that waits for a person; `mapping_version` is of the rules that set it aside."""

    lead_id: LeadId
    channel: str
    account: str
    reason: str
    detail: str
    received_at: datetime
    mapping_version: int
    account_id: AccountId
    delivery_id: DeliveryId
    position: int
    has_external_id: bool


@dataclass(frozen=True, slots=True)
class CrowdedAccount:
    """An account of which many items came into quarantine lately, and the commonest reason."""

    account_id: AccountId
    channel: str
    account: str
    quarantined_count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items are asked for; an empty text is any."""

    channel: str = ""
    account: str = ""
    reason: str = ""


async def page(
    raw: asyncpg.Connection, wanted: Wanted, *, before: tuple[datetime, UUID], limit: int
) -> list[QuarantinedItem]:
    """Quarantined items older than `before`, newest first."""
    rows = await raw.fetch(_PAGE, wanted.channel, wanted.account, wanted.reason, *before, limit)
    return [QuarantinedItem(*row) for row in rows]


async def get(raw: asyncpg.Connection, lead_id: LeadId) -> QuarantinedItem | None:
    """One quarantined item; None when there is none of this id."""
    row = await raw.fetchrow(_GET, lead_id)
    return None if row is None else QuarantinedItem(*row)


async def crowded(
    raw: asyncpg.Connection, *, within: timedelta, count_min: int
) -> list[CrowdedAccount]:
    """Accounts with so many items in quarantine that came lately."""
    return [CrowdedAccount(*row) for row in await raw.fetch(_CROWDED, within, count_min)]


async def item_count(
    raw: asyncpg.Connection, account_id: AccountId, *, within: timedelta, limit: int
) -> int:
    """How many items of an account came lately, counted up to `limit`."""
    return int(await raw.fetchval(_ITEMS, account_id, within, limit))


async def raise_alarm(raw: asyncpg.Connection, account_id: AccountId, *, now: datetime) -> bool:
    """Raises an account's alarm; False when it is raised already."""
    return bool(await raw.fetchval(_RAISE, account_id, now))


async def raised_alarms(raw: asyncpg.Connection) -> set[AccountId]:
    """The accounts whose alarm is raised."""
    return {row[0] for row in await raw.fetch(_RAISED)}


async def lower_alarms(raw: asyncpg.Connection, account_ids: set[AccountId]) -> None:
    """Ends alarms; the next one is told again."""
    await raw.execute(_LOWER, sorted(account_ids))
