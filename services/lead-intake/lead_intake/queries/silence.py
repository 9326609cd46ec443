"""What can be asked about silence and about how accounts stand; nothing here writes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lead_intake.domain.silence import HISTORY_DAYS_MAX, Calendar, learn, usual_gap_s
from lead_intake.store import pulls, silence
from lead_intake.store import silence_subscriptions as subscriptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import Database

    from lead_intake.accounts import Accounts
    from lead_intake.domain.leads import AccountId
    from lead_intake.store.pulls import KeptPull
    from lead_intake.store.silence import KeptSilence, WatchedAccount
    from lead_intake.store.silence_subscriptions import KeptSubscription
    from lead_intake.workers.subscription_audit import SubscriptionAudit

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """How one account stands. `expected_gap_s` is 0 while too little is known."""

    channel: str
    account: str
    is_live: bool
    last_delivery_at: datetime | None
    expected_gap_s: float
    is_silent: bool
    muted_until: datetime | None
    is_auditable: bool
    subscription: KeptSubscription | None
    pull: KeptPull | None
    mapping_version: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What standings are told from, besides the database."""

    accounts: Accounts
    calendar: Calendar
    audit: SubscriptionAudit


async def list_silences(
    database: Database, *, with_ended: bool, page_size: int
) -> list[KeptSilence]:
    """Silences, those that last first, then the newest."""
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    async with database.raw() as raw:
        return await silence.list_silences(raw, with_ended=with_ended, limit=limit)


async def accounts_of(database: Database, channel: str) -> list[AccountId]:
    """The accounts of a channel, or all where it is empty."""
    async with database.raw() as raw:
        return [each.account_id for each in await silence.standing_of(raw, channel=channel)]


async def standings(
    database: Database, scene: Scene, *, channel: str, now: datetime
) -> list[Standing]:
    """How the accounts of a channel, or all where it is empty, stand."""
    async with database.raw() as raw:
        accounts = await silence.standing_of(raw, channel=channel)
        ids = [account.account_id for account in accounts]
        hours = await silence.hours_of(raw, ids, since=now - timedelta(days=HISTORY_DAYS_MAX))
        kept_pulls = await pulls.by_account(raw)
        kept_subscriptions = await subscriptions.every(raw)
    found: list[Standing] = []
    for account in accounts:
        gap_s = _expected_gap_s(account, hours[account.account_id], scene.calendar, now=now)
        subscription = kept_subscriptions.get(account.account_id)
        pull = kept_pulls.get(account.account_id)
        found.append(_standing(account, scene, gap_s, subscription=subscription, pull=pull))
        await asyncio.sleep(0)
    return found


def _standing(
    account: WatchedAccount,
    scene: Scene,
    gap_s: float,
    *,
    subscription: KeptSubscription | None,
    pull: KeptPull | None,
) -> Standing:
    opened = scene.accounts.with_id(account.account_id)
    is_live = opened is not None and opened.is_servable and not opened.is_closed
    return Standing(
        channel=account.channel,
        account=account.account,
        is_live=is_live,
        last_delivery_at=account.last_delivery_at,
        expected_gap_s=gap_s,
        is_silent=account.silence_id is not None,
        muted_until=account.expectation.muted_until,
        is_auditable=scene.audit.can_audit(account.channel),
        subscription=subscription,
        pull=pull,
        mapping_version=opened.channel.version if opened is not None and is_live else 0,
    )


def _expected_gap_s(
    account: WatchedAccount, counts: Mapping[datetime, int], calendar: Calendar, *, now: datetime
) -> float:
    since = min([account.watched_since, *counts])
    until = min(now, account.last_delivery_at or now).astimezone(UTC)
    profile = learn(counts, calendar, since=since, until=until)
    return 0.0 if profile is None else usual_gap_s(profile, calendar, at=now)
