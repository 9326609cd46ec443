"""People, groups, accounts and devices as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification.store.columns import columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

_PUT = """
insert into recipients (recipient_id, webhook_url, sealed_secret, locale, zone, changed_at)
select t.*, clock_timestamp() from unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[]) as t order by 1
on conflict (recipient_id) do update
set webhook_url = excluded.webhook_url, sealed_secret = excluded.sealed_secret, locale = excluded.locale,
    zone = excluded.zone, disabled_at = null, changed_at = excluded.changed_at
"""
_CLEAR_ADDRESSES = "delete from addresses where recipient_id = any($1::text[])"
_PUT_ADDRESSES = """
insert into addresses (recipient_id, medium, device, account_id, sealed)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])
"""
_CHANGED = """
select recipient_id, webhook_url, sealed_secret, locale, zone, disabled_at, changed_at from recipients
where changed_at > coalesce($1, '-infinity'::timestamptz)
"""
_BY_ID = """
select recipient_id, webhook_url, sealed_secret, locale, zone, disabled_at, changed_at from recipients
where recipient_id = any($1::text[])
"""
_ADDRESSES = """
select recipient_id, medium, device, account_id, sealed from addresses
where recipient_id = any($1::text[]) and disabled_at is null order by recipient_id, medium, device
"""
_DISABLE = """
update recipients set disabled_at = $2, changed_at = clock_timestamp()
where recipient_id = any($1::text[]) and disabled_at is null
"""
_DISABLE_ADDRESSES = """
with gone as (
  update addresses a set disabled_at = $4
  from unnest($1::text[], $2::text[], $3::text[]) as g(recipient_id, medium, device)
  where a.recipient_id = g.recipient_id and a.medium = g.medium and a.device = g.device and a.disabled_at is null
  returning a.recipient_id
)
update recipients set changed_at = clock_timestamp() where recipient_id in (select recipient_id from gone)
"""
_PUT_ACCOUNTS = """
insert into accounts (account_id, medium, url, sealed_settings, messages_per_min, changed_at)
select t.*, clock_timestamp() from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::int4[]) as t order by 1
on conflict (account_id) do update
set medium = excluded.medium, url = excluded.url, sealed_settings = excluded.sealed_settings,
    messages_per_min = excluded.messages_per_min, changed_at = excluded.changed_at
"""
_ACCOUNTS = """
select account_id, medium, url, sealed_settings, messages_per_min, changed_at from accounts
where changed_at > coalesce($1, '-infinity'::timestamptz)
"""
_REPORT = """
insert into presences as p (recipient_id, device, is_online, seen_at, changed_at)
values ($1, $2, $3, $4, clock_timestamp())
on conflict (recipient_id, device) do update
set is_online = excluded.is_online, seen_at = excluded.seen_at, changed_at = excluded.changed_at
where excluded.seen_at >= p.seen_at
"""
_PRESENCES = """
select recipient_id, device, is_online, seen_at, changed_at from presences
where changed_at > coalesce($1, '-infinity'::timestamptz)
"""


async def put(
    raw: asyncpg.Connection,
    people: Sequence[tuple[str, str | None, bytes | None, str, str]],
    addresses: Sequence[tuple[str, str, str, str, bytes]],
) -> None:
    """Creates or replaces people (id, webhook, sealed secret, locale, zone) with all their addresses, and enables them.

    Addresses are recipient, medium, device, account, sealed place.
    """
    await raw.execute(_PUT, *columns(people))
    await raw.execute(_CLEAR_ADDRESSES, [person[0] for person in people])
    if addresses:
        await raw.execute(_PUT_ADDRESSES, *columns(addresses))


async def by_id(raw: asyncpg.Connection, recipient_ids: Sequence[str]) -> list[Any]:
    """These people, the disabled ones too."""
    return list(await raw.fetch(_BY_ID, recipient_ids))


async def changed_after(raw: asyncpg.Connection, after: datetime | None) -> list[Any]:
    """People changed after a time, the disabled ones too; all when it is None."""
    return list(await raw.fetch(_CHANGED, after))


async def addresses_of(raw: asyncpg.Connection, recipient_ids: Sequence[str]) -> list[Any]:
    """The addresses of these people that work."""
    return list(await raw.fetch(_ADDRESSES, recipient_ids))


async def disable_webhooks(
    raw: asyncpg.Connection, recipient_ids: Sequence[str], *, now: datetime
) -> None:
    """Posts nothing more to these people's webhooks until they are put again."""
    await raw.execute(_DISABLE, recipient_ids, now)


async def disable_addresses(
    raw: asyncpg.Connection, gone: Sequence[tuple[str, str, str]], *, now: datetime
) -> None:
    """Sends nothing more to these addresses (recipient, medium, device) until they are put again."""
    await raw.execute(_DISABLE_ADDRESSES, *columns(gone), now)


async def put_accounts(
    raw: asyncpg.Connection, accounts: Sequence[tuple[str, str, str, bytes, int]]
) -> None:
    """Creates or replaces accounts: id, medium, address, sealed settings, messages a minute."""
    await raw.execute(_PUT_ACCOUNTS, *columns(accounts))


async def accounts_changed_after(raw: asyncpg.Connection, after: datetime | None) -> list[Any]:
    """Accounts changed after a time; all when it is None."""
    return list(await raw.fetch(_ACCOUNTS, after))


async def report_presence(
    raw: asyncpg.Connection, recipient_id: str, device: str, *, is_online: bool, seen_at: datetime
) -> None:
    """Keeps what a device says of itself; an older word does not replace a newer one."""
    await raw.execute(_REPORT, recipient_id, device, is_online, seen_at)


async def presences_changed_after(raw: asyncpg.Connection, after: datetime | None) -> list[Any]:
    """What devices said after a time; all when it is None."""
    return list(await raw.fetch(_PRESENCES, after))
