"""The audit of subscriptions: asks each sender that can say so whether it still sends to us."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import structlog

from lead_intake.commands.silence import event_key
from lead_intake.domain.silence_subscriptions import Finding, SubscriptionState, judge_page
from lead_intake.store import silence_subscriptions as store
from lead_intake.vendors.calls import VendorFailed
from lead_intake.wire import silence as wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import Database

    from lead_intake.accounts import Accounts, OpenAccount
    from lead_intake.domain.leads import AccountId
    from lead_intake.vendors.graph import GraphApi

log = structlog.get_logger()

INTERVAL = timedelta(minutes=15)
IDLE_S = 10.0
AUDITS_MAX = 16
LEAD_FIELD = "leadgen"
_DOOR = "/in/v1/"


class Auditor(Protocol):
    """Asks one kind of sender."""

    async def audit(self, account: OpenAccount) -> Finding:
        """How the account's subscription stands; what could not be found out is `UNKNOWN`."""


class PageAuditor:
    """Asks Facebook whether an account's app and page still send its leads to us."""

    def __init__(self, graph: GraphApi, accounts: Accounts) -> None:
        self._graph = graph
        self._accounts = accounts

    async def audit(self, account: OpenAccount) -> Finding:
        """How the account's subscription stands; never raises."""
        settings = account.secrets.settings
        app_id = settings.get("app_id")
        if not (app_id and settings.get("page_id") and account.secrets.access_token):
            return Finding(SubscriptionState.UNKNOWN, "not_configured")
        try:
            subscriptions = await self._graph.subscriptions(account.secrets)
            apps = await self._graph.subscribed_apps(account.secrets)
        except VendorFailed as failed:
            return Finding(SubscriptionState.UNKNOWN, failed.code)
        return judge_page(
            app_id, LEAD_FIELD, subscriptions, apps, is_ours=lambda url: self._is_ours(url, app_id)
        )

    def _is_ours(self, callback_url: str, app_id: str) -> bool:
        """Whether a URL is that of an account of the same app: an app has one URL for all of its pages."""
        path = urlsplit(callback_url).path
        known = self._accounts.at(path[len(_DOOR) :]) if path.startswith(_DOOR) else None
        return known is not None and known.secrets.settings.get("app_id") == app_id


class SubscriptionAudit:
    """Audits in steps that a worker runs, and when somebody asks. `scale` multiplies the interval."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        auditors: Mapping[str, Auditor],
        *,
        scale: float = 1.0,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._auditors = auditors
        self._interval = INTERVAL * scale

    def can_audit(self, channel: str) -> bool:
        """Whether the senders of a channel can be asked."""
        return channel in self._auditors

    async def step(self) -> bool:
        """Audits the accounts that are due; says whether there may be more."""
        channels = list(self._auditors)
        async with self._database.unit_of_work() as uow:
            await store.begin(uow.raw, channels)
            due = await store.claim(uow.raw, channels, interval=self._interval, limit=AUDITS_MAX)
        await self.audit(due)
        return len(due) == AUDITS_MAX

    async def audit(self, account_ids: Sequence[AccountId]) -> None:
        """Audits these accounts now, a few at a time, and publishes what changed."""
        async with self._database.unit_of_work() as uow:
            await store.begin(uow.raw, list(self._auditors))
        for first in range(0, len(account_ids), AUDITS_MAX):
            async with asyncio.TaskGroup() as audits:
                for account_id in account_ids[first : first + AUDITS_MAX]:
                    audits.create_task(self._audit(account_id))

    async def _audit(self, account_id: AccountId) -> None:
        account = self._accounts.with_id(account_id)
        auditor = None if account is None else self._auditors.get(account.channel.channel)
        if account is None or auditor is None:
            return
        finding = await auditor.audit(account)
        channel = account.channel.channel
        async with self._database.unit_of_work() as uow:
            was_lost = await store.keep(uow.raw, account_id, finding, now=uow.now)
            if was_lost is None or finding.state is SubscriptionState.UNKNOWN:
                return
            if was_lost != finding.is_lost:
                event = wire.subscription_event(finding, channel=channel, account=account.account)
                uow.publish(event, key=event_key(channel, account.account))
                log.warning("subscription_changed", channel=channel, is_lost=finding.is_lost)
