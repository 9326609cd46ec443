"""The watch over reminder health (AS-12): looks at each kind's rates and raises an alarm when one falls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from servicekit import metrics

from notification.domain.health import judged
from notification.store import health as store
from notification.wire.events import health_low

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from servicekit.database import Database

    from notification.domain.health import Health
    from notification.domain.kinds import Policy

WINDOW = timedelta(days=1)
WINDOW_MAX = timedelta(days=31)
SENT_WITHIN = timedelta(minutes=15)
"""How long a reminder has to reach somebody on all of its routes before it counts."""
OPENED_WITHIN = timedelta(hours=1)
"""How long somebody has to open what reached them before it counts."""
IDLE_S = 30.0


class HealthWatch:
    """Looks every half minute; the event is stated when the set of low rates of a kind changes to another."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._policy = policy

    async def step(self) -> bool:
        """Looks once; false, so that a worker rests after it."""
        async with self._database.unit_of_work() as uow:
            before = await store.lows(uow.raw)
            kinds = await measured(uow.raw, self._policy, now=uow.now, window=WINDOW)
            lows = {each.kind: ",".join(each.low) for each in kinds}
            await store.keep(uow.raw, list(lows.items()), now=uow.now)
            for each in kinds:
                if each.low and lows[each.kind] != before.get(each.kind, ""):
                    uow.publish(health_low(each, window=WINDOW), key=each.kind)
        for each in kinds:
            _show(each)
        return False


async def measured(
    raw: asyncpg.Connection, policy: Policy, *, now: datetime, window: timedelta
) -> list[Health]:
    """The health of each kind of which there was something in a window, but for the last quarter of an hour."""
    tallies = await store.tallies(
        raw,
        since=now - window,
        sent_before=now - SENT_WITHIN,
        opened_before=now - OPENED_WITHIN,
        now=now,
    )
    return [judged(t, policy.kinds[t.kind].thresholds) for t in tallies if t.kind in policy.kinds]


def _show(health: Health) -> None:
    rates: Sequence[tuple[str, float]] = (
        ("sent", health.sent_rate),
        ("reached", health.reached_rate),
        ("interacted", health.interacted_rate),
    )
    for name, rate in rates:
        metrics.bound(metrics.REMINDER_HEALTH, health.kind, name).set(rate)
