"""How accounts stand: figures are kept as they are told, and what follows from them is found when it comes due."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from engagement.domain import standings as domain
from engagement.domain.health import Week, fall, judge
from engagement.domain.tasks import about_sold
from engagement.store import standings as store
from engagement.store import watches as watch_store
from engagement.wire import standing_events as wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, tzinfo

    from servicekit.database import UnitOfWork

    from engagement.commands.tasks import Tasks
    from engagement.domain.health import Fall
    from engagement.domain.opportunities import Opportunity
    from engagement.domain.standings import Figure, Noticed, Sleeper, Standing, StandingPolicy

BATCH_SIZE = 200
LOOK_AGAIN = timedelta(days=1)
"""When it is looked again at what was found of a customer to whom nobody sells yet."""


class Standings:
    """Looks at how customers' accounts stand, under one policy; weeks begin on Monday in `zone`."""

    def __init__(self, policy: StandingPolicy, tasks: Tasks, zone: tzinfo) -> None:
        self._policy = policy
        self._tasks = tasks
        self._zone = zone

    async def take(self, uow: UnitOfWork, told: Sequence[Figure]) -> None:
        """Keeps figures; any order, and any repetition, ends in the same rows."""
        await store.keep(uow.raw, told, now=uow.now)

    async def check(self, uow: UnitOfWork) -> bool:
        """Finds what follows from how accounts stand by now; says whether there may be more."""
        taken = await store.take(uow.raw, now=uow.now, limit=BATCH_SIZE)
        if not taken:
            return False
        figures = await store.figures(uow.raw, taken)
        noticed = await store.noticed(uow.raw, taken, self._policy.health, now=uow.now)
        weeks = await store.weeks(uow.raw, taken)
        checks: dict[str, datetime] = {}
        for golden_id in taken:
            known = domain.standing(
                golden_id, figures[golden_id], now=uow.now, fresh_for=self._policy.fresh_for
            )
            found = await self._week(uow, known, noticed, weeks[golden_id])
            is_told = await self._tell(uow, known, found)
            next_at = domain.next_check(self._policy, known, now=uow.now, zone=self._zone)
            checks[golden_id] = next_at if is_told else min(next_at, uow.now + LOOK_AGAIN)
        await store.put_off(uow.raw, checks)
        return len(taken) == BATCH_SIZE

    async def _week(
        self,
        uow: UnitOfWork,
        known: Standing,
        noticed: Mapping[str, Noticed],
        weeks: Sequence[Week],
    ) -> Fall | None:
        """Takes the score of the week, if it is due (FU-28); returns the fall that the customer is in by it."""
        policy = self._policy.health
        week_from = domain.week_due(policy, now=uow.now, zone=self._zone)
        if not any(week.week_from == week_from for week in weeks):
            health = judge(policy, domain.measures(known, noticed[known.golden_id]))
            week = Week(week_from, health.score, health.left_out)
            version = self._policy.version
            await store.keep_week(
                uow.raw, known.golden_id, week, policy_version=version, now=uow.now
            )
            weeks = [week, *weeks]
        is_of_now = weeks[0].week_from == week_from
        return fall(policy, weeks) if is_of_now else None

    async def _tell(self, uow: UnitOfWork, known: Standing, found: Fall | None) -> bool:
        """Tells of what was found; False when there is nobody who sells to the customer, so that it is not told yet."""
        rules = self._policy
        is_endangered = domain.is_renewal_endangered(rules.renewal, known, now=uow.now)
        sleeper = domain.sleeper(rules.dormant, known, now=uow.now)
        if not (is_endangered or sleeper or found):
            return True
        opportunity = await watch_store.sold_to(uow.raw, known.golden_id)
        if opportunity is None:
            return False
        if is_endangered:
            await self._tell_renewal(uow, known, opportunity)
        if sleeper is not None:
            await self._tell_sleeper(uow, sleeper, opportunity)
        if found is not None:
            await self._tell_fall(uow, known.golden_id, found, opportunity)
        return True

    async def _tell_renewal(
        self, uow: UnitOfWork, known: Standing, opportunity: Opportunity
    ) -> None:
        """An agreement ends soon and nobody of theirs was seen (FU-27): once for each end."""
        ends_at, golden_id = known.agreement_ends_at, known.golden_id
        if ends_at is None or not await _is_new(uow, store.RENEWAL, golden_id, ends_at, ends_at):
            return
        about = about_sold(
            f"customer:{golden_id}", golden_id, opportunity, stretch=f"{ends_at:%Y-%m-%d}"
        )
        task = await self._tasks.open(uow, self._policy.renewal.task, about)
        if task is not None:
            uow.publish(wire.renewal_endangered(known, opportunity, task), key=golden_id)

    async def _tell_sleeper(
        self, uow: UnitOfWork, sleeper: Sleeper, opportunity: Opportunity
    ) -> None:
        """A customer who may be woken (FU-32): once for each stretch without order."""
        ordered_at, golden_id = sleeper.last_order_at, sleeper.golden_id
        if await _is_new(uow, store.DORMANT, golden_id, ordered_at, ordered_at):
            uow.publish(wire.dormant_stirred(sleeper, opportunity), key=golden_id)

    async def _tell_fall(
        self, uow: UnitOfWork, golden_id: str, found: Fall, opportunity: Opportunity
    ) -> None:
        """A score that fell and fell (FU-29): once for each fall, however long it goes on."""
        since, until = found.since.week_from, found.newest.week_from
        if not await _is_new(uow, store.FALL, golden_id, since, until):
            return
        policy = self._policy.health
        about = about_sold(
            f"customer:{golden_id}", golden_id, opportunity, stretch=f"{since:%Y-%m-%d}"
        )
        task = await self._tasks.open(uow, policy.fall_task, about)
        if task is not None:
            event = wire.health_declined(golden_id, found, opportunity, task, policy)
            uow.publish(event, key=golden_id)


async def _is_new(
    uow: UnitOfWork, rule: str, golden_id: str, since: datetime, until: datetime
) -> bool:
    """Takes note of a find about a customer; False for one of a stretch of which something was found before."""
    span = (since, until)
    if await watch_store.was_found(uow.raw, rule, golden_id, span=span):
        return False
    stretch = f"{golden_id}/{since:%Y-%m-%dT%H:%M}"
    return await watch_store.find(uow.raw, rule, stretch, golden_id, span=span, now=uow.now)
