"""Policies of survivorship: trying one out, and putting it into force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.domain.golden import survive
from identity.domain.golden_changes import checked_reason, differences
from identity.domain.golden_policies import FIRST_VERSION, PolicyMoved, Trial
from identity.policies.survivorship import parse_survivorship
from identity.store import golden, golden_pins, golden_policies
from identity.store.golden_policies import PublishedPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import asyncpg
    from servicekit.database import UnitOfWork

    from identity.domain.survivorship import SurvivorshipPolicy
    from identity.store.golden_archive import Archive

TRIED_AT_ONCE = 200
TRIED = 1_000
TRIED_MAX = 100_000


class PolicyOffice:
    """Tries policies out and publishes them."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def preview(self, document: str, *, customers_max: int) -> AsyncIterator[Trial]:
        """What a policy would change, in customers in the order of their numbers; the same trial again as it grows.

        Raises `InvalidSurvivorshipPolicy`.
        """
        candidate = parse_survivorship(document)
        limit, last = min(customers_max or TRIED, TRIED_MAX), 0
        async with self._archive.database.raw() as raw:
            trial = Trial((await self._archive.policies.read(raw)).version)
        while not trial.is_over:
            size = min(TRIED_AT_ONCE, limit - trial.checked_count)
            async with self._archive.database.raw() as raw:
                numbers = await golden.customers_after(raw, last, limit=size)
                await self._try(raw, trial, candidate, numbers)
            last = numbers[-1] if numbers else last
            trial.is_over = len(numbers) < size or trial.checked_count >= limit
            yield trial

    async def publish(
        self, uow: UnitOfWork, document: str, *, base_version: int, actor: str, reason: str
    ) -> PublishedPolicy:
        """Puts a policy into force in place of `base_version`.

        Raises `InvalidSurvivorshipPolicy`, `InvalidPin` for a reason that cannot be one, and `PolicyMoved`.
        """
        parse_survivorship(document)
        why = checked_reason(reason)
        await golden_policies.lock(uow.raw)
        in_force = (await self._archive.policies.read(uow.raw)).version
        if in_force != base_version:
            raise PolicyMoved(in_force)
        version = max(in_force + 1, FIRST_VERSION)
        published = PublishedPolicy(version, document, in_force, actor, why, uow.now)
        await golden_policies.publish(uow.raw, published)
        return published

    async def _try(
        self,
        raw: asyncpg.Connection,
        trial: Trial,
        candidate: SurvivorshipPolicy,
        numbers: Sequence[int],
    ) -> None:
        policy = await self._archive.policies.current(raw)
        sources = await golden.sources_of(raw, self._archive.seals, numbers)
        pins = await golden_pins.standing(raw, self._archive.golden_seals, numbers)
        for number, (golden_id, said) in sources.items():
            pinned = pins.get(number, [])
            now, then = survive(said, policy, pinned), survive(said, candidate, pinned)
            trial.count(golden_id, [each.field for each in differences(now, then)])
