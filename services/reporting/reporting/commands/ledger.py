"""Checking the ledger, and saying which lead is missing where."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from servicekit import metrics

from reporting.domain.books import Span
from reporting.queries.ledger import get_ledger
from reporting.store import discrepancies as store
from reporting.wire import ledger as wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from servicekit.database import Database, UnitOfWork

    from reporting.domain.ledger import Missing
    from reporting.queries.ledger import Keepers

log = structlog.get_logger()

WINDOW = timedelta(hours=24)
"""How far back each check looks; `GetLedger` looks as far as it is asked to."""

BATCH_SIZE = 1000


class LedgerCheck:
    """Compares the books of the last 24 hours, and reports each missing lead once for each hop that lost it."""

    def __init__(
        self,
        database: Database,
        keepers: Keepers,
        *,
        grace: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._keepers = keepers
        self._grace = grace
        self._clock = clock

    async def step(self) -> bool:
        """One check; false, so that a worker rests after it."""
        now = self._clock()
        since = (now - WINDOW).replace(minute=0, second=0, microsecond=0)
        ledger = await get_ledger(self._keepers, Span(since), now=now, grace=self._grace)
        if ledger.unreachable:
            log.warning("ledger_not_proved", unreachable=ledger.unreachable)
        else:
            metrics.LEDGER_MISSING.set(len(ledger.missing))
            metrics.LEDGER_CHECKED_AT.set(now.timestamp())
        for start in range(0, len(ledger.missing), BATCH_SIZE):
            async with self._database.unit_of_work() as uow:
                await report_missing(uow, ledger.missing[start : start + BATCH_SIZE])
        return False


async def report_missing(uow: UnitOfWork, missing: Sequence[Missing]) -> None:
    """Publishes those discrepancies that were not reported before."""
    for each in await store.remember_missing(uow.raw, missing, now=uow.now):
        log.error(
            "lead_missing",
            lead_id=str(each.lead_id),
            channel=each.cell.channel,
            present_in=each.present_in,
            missing_in=each.missing_in,
        )
        uow.publish(wire.discrepancy(each), key=str(each.lead_id))
