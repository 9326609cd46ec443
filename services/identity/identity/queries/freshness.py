"""What can be asked about systems being in step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.freshness import SystemState, percentile_s, standing
from identity.store import comparisons, systems

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from servicekit.database import Database

    from identity.domain.freshness import Standing
    from identity.domain.systems import SystemPolicy, Systems
    from identity.store.comparisons import ListedDifference, Night


@dataclass(frozen=True, slots=True)
class Board:
    """How one system stands; `standing` is None if it was never heard."""

    policy: SystemPolicy
    state: SystemState
    standing: Standing | None
    lag_p50_s: float | None
    lag_p95_s: float | None
    fact_count: int
    open_failure_count: int
    unsettled_write_count: int


async def freshness(database: Database, known: Systems, *, now: datetime) -> list[Board]:
    """How every known system stands, the overdue first."""
    async with database.raw() as raw:
        states = await systems.states(raw)
        lags = await systems.lags(raw, now=now)
        failures = await systems.open_failures(raw)
        writes = await systems.unsettled_writes(raw)
    boards = []
    for name, policy in known.policies.items():
        state, counts = states.get(name, SystemState(name)), lags.get(name, {})
        boards.append(
            Board(
                policy,
                state,
                standing(state, policy, now=now),
                percentile_s(counts, 0.5),
                percentile_s(counts, 0.95),
                sum(counts.values()),
                failures.get(name, 0),
                writes.get(name, 0),
            )
        )
    return sorted(
        boards,
        key=lambda each: (not (each.standing and each.standing.is_overdue), each.policy.rank),
    )


async def differences(
    database: Database,
    night: date | None,
    *,
    system: str,
    after: tuple[str, str],
    limit: int,
) -> tuple[Night | None, Sequence[ListedDifference]]:
    """A night's comparison, the last when None, and its differences behind a Golden ID and field."""
    async with database.raw() as raw:
        wanted = night or await comparisons.last_night(raw)
        found = await comparisons.night_of(raw, wanted) if wanted else None
        if found is None:
            return None, ()
        listed = await comparisons.listed(raw, found.night, system, after=after, limit=limit)
    return found, listed
