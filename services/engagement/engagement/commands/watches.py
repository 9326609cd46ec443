"""What is found by watching: each find is stated once, and asks for a task where somebody must act."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.errors import Invalid

from engagement.domain.opportunities import serial_of
from engagement.domain.tasks import about_sold, id_of
from engagement.domain.watches import splits_in
from engagement.store import company_risks as risk_store
from engagement.store import contacts as contact_store
from engagement.store import money as money_store
from engagement.store import opportunities as opportunity_store
from engagement.store import watches as store
from engagement.wire import watch_events as wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg
    from servicekit.database import UnitOfWork

    from engagement.commands.tasks import Tasks
    from engagement.domain.opportunities import Opportunity
    from engagement.domain.watches import CompanyRisk, ServiceRecord, Split, WatchPolicy

LATE = timedelta(days=30)
"""How late a signature, an amount or an answer may be told and still be looked at."""
BATCH_SIZE = 500


class Watches:
    """Looks for what is wrong, under one policy."""

    def __init__(self, policy: WatchPolicy, tasks: Tasks) -> None:
        self._policy = policy
        self._tasks = tasks

    async def take(self, uow: UnitOfWork, told: Sequence[ServiceRecord]) -> None:
        """Keeps tickets; tells who looks after the customer of trouble (FU-30), and asks them to call."""
        for each in told:
            record = await store.keep_record(uow.raw, each)
            if not record.golden_id:
                record = await self._named(uow.raw, record)
            opportunity = await store.sold_to(uow.raw, record.golden_id)
            if record.golden_id and opportunity is not None:
                await self._tell_trouble(uow, record, opportunity)
                await self._ask_to_call(uow, record, opportunity)

    async def find_splits(self, uow: UnitOfWork) -> bool:
        """Finds orders that may have been split (FU-26): always all of them."""
        rule = self._policy.split
        since = uow.now - rule.within - LATE
        known = await store.signed(uow.raw, rule, since=since)
        suspects = [
            golden_id
            for golden_id, contracts in known.items()
            for split in splits_in(rule, contracts)
            if not await self._is_found(uow.raw, golden_id, split)
        ]
        await contact_store.lock(uow.raw, suspects)
        for golden_id in sorted(set(suspects)):
            contracts = await store.signed(uow.raw, rule, since=since, golden_id=golden_id)
            for split in splits_in(rule, contracts[golden_id]):
                await self._suspect(uow, golden_id, split)
        return False

    async def find_unanswered(self, uow: UnitOfWork) -> bool:
        """Finds opportunities whose offers get no answer (AS-18); says whether there may be more."""
        rule = self._policy.quotes
        since = uow.now - rule.wait - LATE
        taken = await store.take_offers(uow.raw, rule, since=since, now=uow.now, limit=BATCH_SIZE)
        for each in await store.unanswered(uow.raw, rule, taken, now=uow.now):
            is_new = await store.find(
                uow.raw,
                store.UNANSWERED,
                str(each.first_id),
                str(each.lead_id),
                span=(each.since, each.until),
                now=uow.now,
            )
            if is_new:
                uow.publish(wire.downgraded(each, rule.in_a_row), key=str(each.lead_id))
        return len(taken) == BATCH_SIZE

    async def find_idle(self, uow: UnitOfWork) -> bool:
        """Finds reps who record nothing (FU-12); says whether there may be more."""
        until = uow.now - self._policy.idle_after
        found = await store.idle(uow.raw, until=until, limit=BATCH_SIZE)
        for each in found:
            is_new = await store.find(
                uow.raw,
                store.IDLE,
                each.stretch,
                each.rep_id,
                span=(each.since, uow.now),
                now=uow.now,
            )
            if is_new:
                manager_id = self._tasks.manager_of(each.rep_id)
                uow.publish(wire.rep_idle(each, manager_id=manager_id), key=each.rep_id)
        return len(found) == BATCH_SIZE

    async def take_risks(
        self, uow: UnitOfWork, told: Sequence[tuple[CompanyRisk, datetime]]
    ) -> None:
        """Keeps risks of companies, each as it was told last, by when it was told; tells of those that count by now."""
        await risk_store.keep(uow.raw, told)
        await self.find_risks(uow)

    async def find_risks(self, uow: UnitOfWork) -> bool:
        """Finds risks about customers with an open opportunity (FU-33); says whether there may be more."""
        rule = self._policy.risk
        found = await risk_store.take(uow.raw, rule, now=uow.now, limit=BATCH_SIZE)
        for risk in found:
            opportunity = await opportunity_store.newest_open(uow.raw, risk.golden_id)
            about = about_sold(f"risk:{risk.risk_id}", risk.golden_id, opportunity)
            task = await self._tasks.open(uow, rule.task, about)
            if opportunity is not None and task is not None:
                kind = rule.kinds[risk.kind.casefold()]
                event = wire.company_risk(risk, opportunity, task, kind)
                uow.publish(event, key=risk.golden_id)
        return len(found) == BATCH_SIZE

    async def _is_found(self, raw: asyncpg.Connection, golden_id: str, split: Split) -> bool:
        span = (split.contracts[0].signed_at, split.newest.signed_at)
        return await store.was_found(raw, store.SPLIT, golden_id, span=span)

    async def _suspect(self, uow: UnitOfWork, golden_id: str, split: Split) -> None:
        if await self._is_found(uow.raw, golden_id, split):
            return
        span = (split.contracts[0].signed_at, split.newest.signed_at)
        if not await store.find(
            uow.raw, store.SPLIT, split.stretch, golden_id, span=span, now=uow.now
        ):
            return
        rule, lead_id = self._policy.split, split.newest.lead_id
        opportunity = await opportunity_store.get(uow.raw, lead_id) if lead_id else None
        opportunity = opportunity or await store.sold_to(uow.raw, golden_id)
        about = about_sold(f"customer:{golden_id}", golden_id, opportunity, stretch=split.stretch)
        await self._tasks.open(uow, rule.task, about)
        event = wire.split_orders(golden_id, split, rule, opportunity, id_of(rule.task, about))
        uow.publish(event, key=golden_id)

    async def _tell_trouble(
        self, uow: UnitOfWork, record: ServiceRecord, opportunity: Opportunity
    ) -> None:
        kind = self._policy.service.trouble.get(record.type.casefold())
        if kind is None:
            return
        span = (record.opened_at, record.opened_at)
        stretch = str(record.record_id)
        if await store.find(
            uow.raw, store.TROUBLE, stretch, str(opportunity.lead_id), span=span, now=uow.now
        ):
            event = wire.service_trouble(record, opportunity, kind)
            uow.publish(event, key=str(opportunity.lead_id))

    async def _ask_to_call(
        self, uow: UnitOfWork, record: ServiceRecord, opportunity: Opportunity
    ) -> None:
        rule = self._policy.service
        if not rule.is_to_call(record):
            return
        span = (record.opened_at, record.opened_at)
        stretch, lead_id = str(record.record_id), str(opportunity.lead_id)
        if not await store.find(
            uow.raw, store.COMPENSATED, stretch, lead_id, span=span, now=uow.now
        ):
            return
        about = about_sold(f"ticket:{record.record_id}", record.golden_id, opportunity)
        task = await self._tasks.open(uow, rule.compensated_task, about)
        if task is not None:
            uow.publish(wire.compensated(record, opportunity, task), key=lead_id)

    async def _named(self, raw: asyncpg.Connection, record: ServiceRecord) -> ServiceRecord:
        """A ticket with the customer that its reference names, if it names one."""
        lead_id = await _lead_of(raw, record.reference)
        opportunity = await opportunity_store.get(raw, lead_id) if lead_id else None
        if opportunity is None:
            return record
        await store.give_record(raw, record.record_id, opportunity.golden_id)
        return replace(record, golden_id=opportunity.golden_id)


async def _lead_of(raw: asyncpg.Connection, reference: str) -> UUID | None:
    """The lead that a reference in our own terms names."""
    kind, _, name = reference.partition(":")
    try:
        if kind == "opportunity":
            return await money_store.by_serial(raw, serial_of(name))
        return UUID(name) if kind == "lead" else None
    except (Invalid, ValueError):
        return None
