"""The reconciler: compares what each sender has with what came, and fetches what did not.

No transaction is open during a call. An account is leased instead, and the lease kept from page to page; if the process
dies, the lease ends and another begins the same window again.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import structlog
from servicekit import telemetry
from servicekit.errors import Unavailable

from lead_intake.commands import pulls as commands
from lead_intake.commands.pulls import Turn
from lead_intake.domain.pulls import OVERLAP, Failure, delay_until_next, next_window
from lead_intake.store import pulls
from lead_intake.store.pulls import Compared
from lead_intake.vendors.calls import VendorFailed
from lead_intake.vendors.pulling import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lead_intake.accounts import Accounts
    from lead_intake.commands.pulls import Stores
    from lead_intake.store.pulls import LeasedPull
    from lead_intake.vendors.pulling import Puller

log = structlog.get_logger()

LEASES_MAX = 4
LEASE = timedelta(seconds=120)
"""Longer than a page can take: its call ends after 20 s, its storing after a few."""

IDLE_S = 5.0
UNREAD_INTERVAL = timedelta(seconds=2)
NOT_CONFIGURED = Failure("not_configured", is_worth_telling=False)


class _LeaseLostError(Exception):
    """Another replica compares the account now."""


class Reconciler:
    """Compares in steps that a worker runs. `scale` multiplies the delays between comparisons."""

    def __init__(
        self,
        stores: Stores,
        accounts: Accounts,
        pullers: Mapping[str, Puller],
        *,
        scale: float = 1.0,
    ) -> None:
        self._stores = stores
        self._accounts = accounts
        self._pullers = pullers
        self._scale = scale

    async def step(self) -> bool:
        """Compares the accounts that are due; says whether there may be more."""
        lease_id = uuid4()
        async with self._stores.database.unit_of_work() as uow:
            await pulls.begin(uow.raw, list(self._pullers), compared_until=uow.now - OVERLAP)
            leased = await pulls.lease(uow.raw, lease_id=lease_id, duration=LEASE, limit=LEASES_MAX)
        async with asyncio.TaskGroup() as comparisons:
            for each in leased:
                comparisons.create_task(self._compare(each, lease_id))
        return bool(leased)

    async def _compare(self, leased: LeasedPull, lease_id: UUID) -> None:
        account = self._accounts.with_id(leased.account_id)
        if account is None:
            # It is not read here yet, or cannot be opened.
            async with self._stores.database.raw() as raw:
                await pulls.release(
                    raw, leased.account_id, lease_id=lease_id, next_in=UNREAD_INTERVAL
                )
            return
        turn = Turn(leased, lease_id, account, self._scale)
        failure = await self._failure_of(turn, self._pullers[account.channel.channel])
        if failure is not None:
            if failure.is_worth_telling:
                channel = account.channel.channel
                log.warning("pull_failed", channel=channel, failure=failure.code)
            async with self._stores.database.unit_of_work() as uow:
                await commands.set_back(uow, turn, failure)

    async def _failure_of(self, turn: Turn, puller: Puller) -> Failure | None:
        """Compares one window; why that failed, or None."""
        if not puller.can_pull(turn.account.secrets):
            return NOT_CONFIGURED
        try:
            with telemetry.internal_span("pull leads"):
                await self._compare_window(turn, puller)
        except VendorFailed as failed:
            return Failure(failed.code, failed.is_permanent, failed.retry_after_s)
        except Unavailable:
            return Failure("store_away")
        except _LeaseLostError:
            log.warning("pull_lease_lost", account_id=turn.leased.account_id)
        return None

    async def _compare_window(self, turn: Turn, puller: Puller) -> None:
        now = datetime.now(UTC)
        account = turn.account
        since, until = next_window(
            turn.leased.compared_until, now=now, window_max=puller.window_max
        )
        seen_count = backfilled_count = 0
        async for page in puller.pages(account.secrets, Window(since, until)):
            await self._keep_lease(turn)
            seen_count += len(page)
            backfilled_count += await commands.backfill(self._stores, account, page)
        compared = Compared(until, seen_count, backfilled_count)
        next_in = delay_until_next(until=until, now=now) * turn.scale
        async with self._stores.database.unit_of_work() as uow:
            await pulls.succeed(
                uow.raw, account.account_id, compared, lease_id=turn.lease_id, next_in=next_in
            )

    async def _keep_lease(self, turn: Turn) -> None:
        async with self._stores.database.raw() as raw:
            kept = await pulls.keep_lease(
                raw, turn.leased.account_id, lease_id=turn.lease_id, duration=LEASE
            )
        if not kept:
            raise _LeaseLostError
