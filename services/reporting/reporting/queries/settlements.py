"""What is settled, and what a settlement would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporting.domain.rates import Grouping
from reporting.domain.settlements import Proposal, Settled, UnknownSettlement, compared
from reporting.store import rates as rate_store
from reporting.store import settlements as store

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg
    from servicekit.database import Database

    from reporting.domain.metrics import Definition
    from reporting.domain.settlements import Month, Settlement


async def preview(
    database: Database, month: Month, *, definition: Definition, time_zone: str, as_of: datetime
) -> Proposal:
    """What a statement of a month would say `as_of` a moment, beside the newest there is."""
    async with database.raw() as raw:
        last = await store.newest(raw, month)
        before = None if last is None else await store.lines(raw, last.settlement_no)
        tallies, _ = await rate_store.tallies(
            raw, month.period(time_zone), by=Grouping.REP, as_of=as_of
        )
    rates, is_same = compared(tallies, before)
    return Proposal(
        month=month,
        revision=last.revision + 1 if last is not None else 1,
        definition_version=definition.version,
        time_zone=time_zone,
        lines=rates,
        running=sum(tally.running for tally in tallies.values()),
        is_unchanged=last is not None
        and is_same
        and (last.definition_version, last.time_zone) == (definition.version, time_zone),
    )


async def list_settlements(database: Database, period: str) -> list[Settlement]:
    """Statements of a month, or of all; newest first."""
    async with database.raw() as raw:
        return await store.listed(raw, period)


async def get_settlement(database: Database, settlement_no: int) -> Settled:
    """One statement with its lines; raises `UnknownSettlement`."""
    async with database.raw() as raw:
        settlement = await store.get(raw, settlement_no)
        if settlement is None:
            raise UnknownSettlement(settlement_no)
        return await with_lines(raw, settlement)


async def with_lines(raw: asyncpg.Connection, settlement: Settlement) -> Settled:
    """A statement that was closed before, with its lines."""
    rates = await store.lines(raw, settlement.settlement_no)
    return Settled(settlement, rates, is_repeated=True)
