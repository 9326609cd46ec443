"""Alarms about quarantine: told once when too much of an account waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from leadchain.intake.v1.config_events_pb2 import QuarantineRatioHigh

from lead_intake.domain.quarantine import ALARM_COUNT_MIN, ALARM_SHARE, ALARM_WINDOW, Crowd
from lead_intake.store import quarantine as store

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

    from lead_intake.store.quarantine import CrowdedAccount

log = structlog.get_logger()


async def watch_quarantine(uow: UnitOfWork) -> int:
    """Raises and lowers alarms; publishes `QuarantineRatioHigh` for each that is new, and returns how many."""
    raised = await store.raised_alarms(uow.raw)
    crowded = await store.crowded(uow.raw, within=ALARM_WINDOW, count_min=ALARM_COUNT_MIN // 2)
    crowds = {each.account_id: await _crowd(uow, each) for each in crowded}
    over = {one for one in raised if one not in crowds or crowds[one].is_low}
    if over:
        await store.lower_alarms(uow.raw, over)
    new = 0
    for each in crowded:
        crowd = crowds[each.account_id]
        if crowd.is_high and await store.raise_alarm(uow.raw, each.account_id, now=uow.now):
            _tell(uow, each, crowd)
            new += 1
    return new


async def _crowd(uow: UnitOfWork, account: CrowdedAccount) -> Crowd:
    enough = int(account.quarantined_count / (ALARM_SHARE / 2)) + 1
    items = await store.item_count(uow.raw, account.account_id, within=ALARM_WINDOW, limit=enough)
    return Crowd(account.quarantined_count, items)


def _tell(uow: UnitOfWork, account: CrowdedAccount, crowd: Crowd) -> None:
    event = QuarantineRatioHigh(
        channel=account.channel,
        account=account.account,
        quarantined_count=crowd.quarantined_count,
        item_count=crowd.item_count,
        window_s=int(ALARM_WINDOW.total_seconds()),
        reason=account.reason,
    )
    uow.publish(event, key=f"{account.channel}/{account.account}")
    log.warning(
        "quarantine_ratio_high", channel=account.channel, account_id=account.account_id,
        quarantined_count=crowd.quarantined_count, reason=account.reason,
    )  # fmt: skip
