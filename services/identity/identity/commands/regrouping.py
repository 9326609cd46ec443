"""Works out who is who after a linker's changes, writes exactly the difference, and tells whoever follows.

Used by everything that changes customers: statements that arrive, a steward's judgements, erasures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from identity.commands.planning import Cause, Naming, Plan, Settled, Work
from identity.domain.golden_ids import master_id
from identity.domain.regroupings import Alias, regroup
from identity.store import customers, differences, regroupings
from identity.store.numbers import Numbers
from identity.store.regroupings import Log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from matchkit.model import Model
    from servicekit.database import UnitOfWork

    from identity.commands.surroundings import Surroundings
    from identity.domain.golden_ids import GoldenIdKeys
    from identity.domain.regroupings import Grouping, Part
    from identity.domain.statements import Regrouped
    from identity.seals import Seals

    Follower = Callable[[UnitOfWork, Regrouped], Awaitable[None]]

__all__ = ["Cause", "Regrouping", "Settled", "Work"]

MASTER_NUMBERS_AT_ONCE = 256


class Regrouping:
    """Writes changes of who is who and tells the followers, in the transaction that made them."""

    def __init__(
        self, model: Model, seals: Seals, keys: GoldenIdKeys, followers: list[Follower]
    ) -> None:
        self._model = model
        self._seals = seals
        self._keys = keys
        self._followers = followers
        self._customer_ids = Numbers("customer_ids", step=1_000)
        self._master_numbers = Numbers("master_id_numbers", step=1, at_least=MASTER_NUMBERS_AT_ONCE)

    async def settle(
        self, uow: UnitOfWork, around: Surroundings, cause: Cause, work: Work | None = None
    ) -> Settled:
        """Writes what a linker's changes come to, and calls the followers when a customer is touched."""
        plan = await self.plan(uow, around, cause, work or Work())
        settled = await self._write(uow, plan, cause)
        if settled.regrouped.touched or settled.regrouped.merged:
            for follow in self._followers:
                await follow(uow, settled.regrouped)
        return settled

    async def _write(self, uow: UnitOfWork, plan: Plan, cause: Cause) -> Settled:
        settled, difference = plan.settled, plan.difference
        why = Log(cause.kind, cause.actor, cause.reason, uow.now)
        if settled.moves and difference.is_of_customers():
            logged = await regroupings.write(uow.raw, difference, why, settled.moves)
            return replace(settled, regrouping_id=logged.regrouping_id, leads=logged.leads)
        version = self._model.version
        await differences.write(uow.raw, difference, now=uow.now, model_version=version)
        if not settled.moves:
            return settled
        logged = await regroupings.log(uow.raw, why, settled.moves)
        return replace(settled, regrouping_id=logged.regrouping_id, leads=logged.leads)

    async def plan(self, uow: UnitOfWork, around: Surroundings, cause: Cause, work: Work) -> Plan:
        """What would be written; writes nothing."""
        changes = around.linker.changes()
        removed = set(changes.records_removed) - {each.id for each in changes.records_added}
        parts = around.linker.partition()
        grouping = await self._grouped(uow, around, parts)
        named = Naming(around, grouping, removed)
        await self._number(uow, named)
        plan = Plan(self._model, self._seals, around, work, named)
        plan.evidence(changes, removed)
        plan.records(changes, removed)
        plan.customers()
        plan.settled = named.settled(cause, work, changes)
        return plan

    async def _grouped(
        self, uow: UnitOfWork, around: Surroundings, parts: Sequence[Part]
    ) -> Grouping:
        """Names every part; a record that comes back may have been called by its own id before."""
        keys = self._keys
        grouping = regroup(parts, around.belongings, around.aliases, around.customers, keys)
        own = [each for each, _ in grouping.fallbacks if each not in around.aliases_before]
        if not own:
            return grouping
        aliases, empty = await customers.given_before(uow.raw, own)
        if not aliases:
            return grouping
        for golden_id, record_id in grouping.fallbacks:
            del around.belongings[record_id].supports[golden_id]
        around.aliases |= aliases
        around.aliases_before |= aliases
        around.customers |= empty
        return regroup(parts, around.belongings, around.aliases, around.customers, keys)

    async def _number(self, uow: UnitOfWork, named: Naming) -> None:
        """Gives new customers and new ids their numbers."""
        count = sum(not each.customer_id for each in named.grouping.named)
        named.number_customers(await self._customer_ids.draw(uow.raw, count))
        fresh = named.fresh_aliases()
        numbers = await self._master_numbers.draw(uow.raw, len(fresh))
        day = uow.now.date()
        for golden_id, number in zip(fresh, numbers, strict=True):
            alias = named.grouping.aliases[golden_id]
            named.grouping.aliases[golden_id] = Alias(
                alias.minted, alias.first_seen_at, alias.customer_id, master_id(day, number)
            )
