"""Closing a month's follow-up rates, from which commissions are paid (FU-11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reporting.domain.settlements import MonthStillRuns, Settled, SettledMeanwhile, Settlement
from reporting.queries.settlements import preview, with_lines
from reporting.store import settlements as store
from reporting.wire import settlements as wire

if TYPE_CHECKING:
    from datetime import datetime

    from accesskit.approvals import Approvals
    from servicekit.database import Database, UnitOfWork

    from reporting.domain.metrics import Definition
    from reporting.domain.settlements import Month, Proposal

KIND = "settlement"


@dataclass(frozen=True, slots=True)
class Closing:
    """Which month somebody wants to close, by which approval; empty to be told what must be approved."""

    month: Month
    by: str
    approval_id: str


class Settlements:
    """Closes months by one definition, in the days of one time zone."""

    def __init__(
        self, database: Database, approvals: Approvals, *, definition: Definition, time_zone: str
    ) -> None:
        self._database = database
        self._approvals = approvals
        self._definition = definition
        self._time_zone = time_zone

    async def preview(self, month: Month, *, as_of: datetime) -> Proposal:
        """What a statement would say."""
        return await preview(
            self._database,
            month,
            definition=self._definition,
            time_zone=self._time_zone,
            as_of=as_of,
        )

    async def settle(self, wanted: Closing, *, now: datetime) -> Settled:
        """Closes a month for good, or corrects it by the next revision; again with the same approval is no effect.

        The approval is bound to the digest of the figures: when late facts change them, another one is needed. Raises
        `MonthStillRuns`, `SettledMeanwhile`, and what `Approvals.use` raises.
        """
        proposal = await self.preview(wanted.month, as_of=now)
        async with self._database.raw() as raw:
            done = await store.by_approval(raw, wanted.month, wanted.approval_id)
            if done is None and proposal.is_unchanged:
                done = await store.newest(raw, wanted.month)
            if done is not None:
                return await with_lines(raw, done)
        if proposal.running or now < wanted.month.period(self._time_zone).until:
            raise MonthStillRuns(wanted.month, proposal.running)
        await self._agreed(wanted, proposal)
        async with self._database.unit_of_work() as uow:
            return await _close(uow, wanted, proposal)

    async def _agreed(self, wanted: Closing, proposal: Proposal) -> None:
        digest = proposal.sha256.hex()
        await self._approvals.use(
            wanted.approval_id,
            kind=KIND,
            resource_id=str(wanted.month),
            params={"change": "settle", "revision": proposal.revision, "sha256": digest},
            key=f"settle/{wanted.month}/{proposal.revision}/{digest}",
        )


async def _close(uow: UnitOfWork, wanted: Closing, proposal: Proposal) -> Settled:
    number = await store.lock(uow.raw) + 1
    last = await store.newest(uow.raw, wanted.month)
    if (last.revision if last is not None else 0) != proposal.revision - 1:
        raise SettledMeanwhile(wanted.month)
    settlement = Settlement(
        settlement_no=number,
        month=wanted.month,
        revision=proposal.revision,
        definition_version=proposal.definition_version,
        time_zone=proposal.time_zone,
        settled_at=uow.now,
        settled_by=wanted.by,
        approval_id=wanted.approval_id,
        statement=proposal.document,
        sha256=proposal.sha256,
    )
    await store.add(uow.raw, settlement, proposal.lines)
    event = wire.settled(settlement, proposal.lines, corrects=last)
    uow.publish(event, key=event.period)
    return Settled(settlement, proposal.lines, is_repeated=False)
