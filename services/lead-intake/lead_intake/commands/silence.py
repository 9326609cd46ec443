"""Watching accounts: counts what they deliver, raises silences and ends them, and takes down what is expected."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import uuid_utils
from servicekit.errors import NotFound

from lead_intake.domain.silence import HISTORY_DAYS_MAX
from lead_intake.store import pulls, silence
from lead_intake.store.silence import KeptSilence
from lead_intake.wire import silence as wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from servicekit.database import UnitOfWork

    from lead_intake.domain.leads import AccountId
    from lead_intake.domain.silence import Expectation, Verdict
    from lead_intake.store.silence import WatchedAccount

SETTLED_AFTER = timedelta(seconds=15)
"""Deliveries are counted when no earlier one can still be under way: storing one ends or fails within five seconds."""

COUNTED_AT_ONCE = timedelta(days=1)
HOURS_KEPT = timedelta(days=HISTORY_DAYS_MAX + 2)


async def count_traffic(uow: UnitOfWork) -> bool | None:
    """Counts what was delivered since the last time, at most a day of it; says whether all of it is counted.

    None while another replica counts. Keeps others from it until the transaction ends.
    """
    since = await silence.counted_until(uow.raw)
    if since is None:
        return None
    settled = uow.now - SETTLED_AFTER
    until = min(settled, since + COUNTED_AT_ONCE)
    if until > since:
        await silence.count_deliveries(uow.raw, since=since, until=until)
        await silence.forget_hours(uow.raw, before=uow.now - HOURS_KEPT)
    return until == settled or until <= since


async def end_silences(uow: UnitOfWork) -> None:
    """Ends the silences of accounts that were heard again, and says so."""
    for ended in await silence.end_silences(uow.raw, now=uow.now):
        uow.publish(wire.channel_resumed(ended), key=event_key(ended.channel, ended.account))


async def raise_silences(
    uow: UnitOfWork, judged: Mapping[AccountId, Verdict], accounts: Sequence[WatchedAccount]
) -> int:
    """Raises the silences of accounts that are judged silent, and lets them be compared at once; returns how many."""
    raised = [account for account in accounts if await _raised(uow, account, judged)]
    if raised:
        await pulls.hasten(uow.raw, [account.account_id for account in raised])
    return len(raised)


async def set_expectation(
    uow: UnitOfWork, *, channel: str, account: str, expectation: Expectation
) -> None:
    """Keeps what is expected of an account; raises `NotFound`."""
    if not await silence.expect(uow.raw, channel, account, expectation, now=uow.now):
        raise NotFound("no such account")


def event_key(channel: str, account: str) -> str:
    """What events about an account are ordered by."""
    return f"{channel}/{account}"


async def _raised(
    uow: UnitOfWork, account: WatchedAccount, judged: Mapping[AccountId, Verdict]
) -> bool:
    verdict = judged.get(account.account_id)
    if verdict is None or verdict.reason is None:
        return False
    kept = _silence(account, verdict, now=uow.now)
    silence_id = UUID(bytes=uuid_utils.uuid7().bytes)
    if not await silence.raise_silence(uow.raw, account, kept, silence_id=silence_id):
        return False
    event = wire.channel_silent(kept, now=uow.now)
    if account.last_delivery_at is None:
        event.silent_for_s = (uow.now - account.watched_since).total_seconds()
    uow.publish(event, key=event_key(account.channel, account.account))
    return True


def _silence(account: WatchedAccount, verdict: Verdict, *, now: datetime) -> KeptSilence:
    return KeptSilence(
        channel=account.channel,
        account=account.account,
        last_delivery_at=account.last_delivery_at,
        raised_at=now,
        ended_at=None,
        expected_gap_s=verdict.expected_gap_s,
        probability=verdict.probability,
        reason=str(verdict.reason),
    )
