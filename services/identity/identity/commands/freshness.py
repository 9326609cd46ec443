"""Says when a system's facts are later than they may be, and when they are on time again (ID-06)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from identity.domain.freshness import LOOKED_BACK, standing
from identity.store import systems
from identity.wire import systems as wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import UnitOfWork

    from identity.domain.systems import Systems

LAGS_KEPT = LOOKED_BACK + timedelta(days=30)


async def watch(uow: UnitOfWork, known: Systems) -> Mapping[str, float]:
    """Raises and ends alarms of systems that are late; returns by system how late each is beyond what it may be.

    Nothing of systems that another replica is just looking at.
    """
    late_s: dict[str, float] = {}
    for state in await systems.lock_states(uow.raw):
        policy = known.policies.get(state.system)
        found = standing(state, policy, now=uow.now) if policy else None
        if policy is None or found is None:
            continue
        delay_max_s = policy.delay_max.total_seconds()
        late_s[state.system] = max(0.0, found.delay_s - delay_max_s)
        if found.is_overdue == (state.stale_since is not None):
            continue
        since = uow.now if found.is_overdue else None
        await systems.set_stale(uow.raw, state.system, since)
        event = wire.source_stale(policy, found, is_over=not found.is_overdue)
        uow.publish(event, key=state.system)
    await systems.forget_lags(uow.raw, before=uow.now - LAGS_KEPT)
    return late_s
