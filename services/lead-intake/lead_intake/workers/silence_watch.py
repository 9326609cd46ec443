"""The watch over silence: counts traffic and judges every account that is quiet, one replica at a time.

The door pays nothing for it: deliveries are counted from their table, each once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from servicekit import metrics

from lead_intake.commands import silence as commands
from lead_intake.domain.silence import (
    HISTORY_DAYS_MAX,
    SILENCE_MIN,
    Hearing,
    Lately,
    Profile,
    judge,
    learn,
    with_level,
)
from lead_intake.store import silence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import asyncpg
    from servicekit.database import Database, UnitOfWork

    from lead_intake.domain.leads import AccountId
    from lead_intake.domain.silence import Calendar, Verdict
    from lead_intake.store.silence import WatchedAccount

IDLE_S = 30.0
PASTS_READ_AT_ONCE = 25
HISTORY = timedelta(days=HISTORY_DAYS_MAX)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of an account's past, as of one hour and one last delivery."""

    as_of: tuple[datetime, datetime | None]
    profile: Profile | None
    lately: Lately


class SilenceWatch:
    """Watches in steps that a worker runs. `on_silence` is called when accounts fell silent."""

    def __init__(
        self,
        database: Database,
        calendar: Calendar,
        *,
        never_spoke_after: timedelta,
        on_silence: Callable[[], None],
    ) -> None:
        self._database = database
        self._calendar = calendar
        self._never_spoke_after = never_spoke_after
        self._on_silence = on_silence
        self._pasts: dict[AccountId, Past] = {}

    async def step(self) -> bool:
        """Counts what came and judges who is quiet; says whether there is more to do at once."""
        raised_count, has_more = 0, False
        async with self._database.unit_of_work() as uow:
            is_counted = await commands.count_traffic(uow)
            if is_counted:
                raised_count, has_more = await self._watch(uow)
            silent = await silence.silent_counts(uow.raw)
        _show(silent)
        if raised_count:
            self._on_silence()
        return has_more or is_counted is False

    async def _watch(self, uow: UnitOfWork) -> tuple[int, bool]:
        """How many silences were raised, and whether there are quiet accounts that could not be judged yet."""
        await silence.watch_new_accounts(uow.raw, now=uow.now)
        await commands.end_silences(uow)
        quiet = await silence.quiet_accounts(uow.raw, before=uow.now - SILENCE_MIN)
        accounts = [account for account in quiet if account.silence_id is None]
        await self._read_pasts(uow.raw, accounts, now=uow.now)
        judged = {
            account.account_id: self._judged(account, past, now=uow.now)
            for account in accounts
            if (past := self._pasts.get(account.account_id)) is not None
        }
        raised_count = await commands.raise_silences(uow, judged, accounts)
        return raised_count, len(judged) < len(accounts)

    def _judged(self, account: WatchedAccount, past: Past, *, now: datetime) -> Verdict:
        hearing = Hearing(
            account.watched_since,
            account.last_delivery_at,
            account.expectation,
            past.profile,
            past.lately,
            account.missed_count,
        )
        return judge(hearing, self._calendar, now=now, never_spoke_after=self._never_spoke_after)

    async def _read_pasts(
        self, raw: asyncpg.Connection, accounts: Sequence[WatchedAccount], *, now: datetime
    ) -> None:
        """Learns anew about accounts of which an hour has passed or that delivered; forgets those not quiet."""
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        ids = {account.account_id for account in accounts}
        self._pasts = {key: past for key, past in self._pasts.items() if key in ids}
        stale = [account for account in accounts if self._is_stale(account, hour)]
        # Those of which nothing is known go first.
        stale.sort(key=lambda account: account.account_id in self._pasts)
        read = stale[:PASTS_READ_AT_ONCE]
        if not read:
            return
        hours = await silence.hours_of(
            raw, [each.account_id for each in read], since=hour - HISTORY
        )
        for account in read:
            counts = hours[account.account_id]
            self._pasts[account.account_id] = self._past(account, counts, hour)
            await asyncio.sleep(0)

    def _is_stale(self, account: WatchedAccount, hour: datetime) -> bool:
        past = self._pasts.get(account.account_id)
        return past is None or past.as_of != (hour, account.last_delivery_at)

    def _past(
        self, account: WatchedAccount, counts: Mapping[datetime, int], hour: datetime
    ) -> Past:
        profile = past_profile(account, counts, self._calendar, hour=hour)
        lately = with_level(profile, self._calendar, counts.items(), account.last_delivery_at)
        return Past((hour, account.last_delivery_at), profile, lately)


def past_profile(
    account: WatchedAccount, counts: Mapping[datetime, int], calendar: Calendar, *, hour: datetime
) -> Profile | None:
    """The profile of an account, learnt until its last delivery: the silence itself is no example."""
    since = min([account.watched_since, *counts])
    until = min(hour, account.last_delivery_at or hour)
    return learn(counts, calendar, since=since, until=until)


def _show(silent: Mapping[str, int]) -> None:
    metrics.CHANNELS_SILENT.clear()
    for channel, count in silent.items():
        metrics.CHANNELS_SILENT.labels(channel).set(count)
