"""Follow-ups come in: the effective ones start their lease's clock anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from permissions.commands import recording
from permissions.commands.leases import monotone_s
from permissions.domain.audit import Event
from permissions.domain.follow_ups import (
    TouchOutcome,
    TouchResult,
    ineffective,
    judge_touch,
    touched_at_s,
)
from permissions.domain.leases import restarted
from permissions.store import leases as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accesskit.facts import Entity
    from accesskit.policy import LeaseTerms
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.follow_ups import Touch
    from permissions.domain.leases import Lease


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of each follow-up, in their order; the token is empty when none of them was effective."""

    results: Sequence[TouchResult]
    token: str = ""


async def report_touches(
    database: Database, touches: Sequence[Touch], terms: LeaseTerms, *, actor: str
) -> Reported:
    """Counts effective follow-ups; one that was reported before changes nothing."""
    results = [ineffective(touch, terms.effective_follow_up) for touch in touches]
    effective = [touch for touch, result in zip(touches, results, strict=True) if result is None]
    if not effective:
        return Reported([result for result in results if result])
    async with database.unit_of_work() as uow:
        reported = await restart_clocks(uow, effective, terms, actor=actor)
    counted = iter(reported.results)
    return Reported([result or next(counted) for result in results], reported.token)


async def restart_clocks(
    uow: UnitOfWork, touches: Sequence[Touch], terms: LeaseTerms, *, actor: str
) -> Reported:
    """Counts follow-ups that are known to be effective; one that was counted before changes nothing."""
    log = await recording.begin(uow)
    now_s = await monotone_s(uow, log)
    leases = await store.of_resources(uow.raw, {touch.resource for touch in touches})
    counting = _Counting(log, leases, terms, actor, now_s)
    results = [counting.count(touch) for touch in touches]
    await store.save(uow.raw, counting.changed.values())
    recorded = await log.finish()
    return Reported(results, recorded.token)


class _Counting:
    """Follow-ups counted one after the other; `changed` are the leases as they are afterwards."""

    def __init__(
        self,
        log: Log,
        leases: dict[Entity, Lease],
        terms: LeaseTerms,
        actor: str,
        now_s: float,
    ) -> None:
        self.changed: dict[Entity, Lease] = {}
        self._log = log
        self._leases = leases
        self._terms = terms
        self._actor = actor
        self._now_s = now_s

    def count(self, touch: Touch) -> TouchResult:
        """Counts one, if it counts."""
        lease = self._leases.get(touch.resource)
        outcome = judge_touch(touch, lease, self._terms, now_s=self._now_s)
        if lease is not None and outcome is TouchOutcome.COUNTED:
            self._restart(touch, lease)
        return TouchResult(outcome)

    def _restart(self, touch: Touch, before: Lease) -> None:
        at_s = touched_at_s(touch, now_s=self._now_s)
        lease = restarted(before, seq=self._log.next_seq, touched_at_s=at_s)
        details = {"cause": "follow_up", "by_id": touch.actor_id, "owner_id": lease.put.owner_id}
        resource = str(lease.resource)
        self._log.append(
            Event("lease_touched", self._actor, resource, details, changes=(lease.put,))
        )
        self._leases[touch.resource] = self.changed[touch.resource] = lease
