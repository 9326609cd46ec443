"""The breaker in the database: it lets pages pass, judges what they cost, and says so in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from permissions.domain.audit import Event
from permissions.domain.export_breaker import BreakerState, has_done_well, strain
from permissions.domain.export_budgets import day_begins_s, export_day
from permissions.domain.exports import PageOutcome
from permissions.queries.exports import limits_of
from permissions.store import export_pages as store

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.export_breaker import Breaker, Signals
    from permissions.domain.exports import Page, Report
    from permissions.queries.live import Live

log = structlog.get_logger()


async def pass_page(
    uow: UnitOfWork, audit_log: Log, live: Live, lease_id: str
) -> tuple[BreakerState, bool]:
    """The state in which a new page finds the breaker, and whether the page must be small.

    The day's requests are a reason to open it, and while they are too many no canary closes it.
    """
    terms, now_s = limits_of(live).breaker, audit_log.now_s
    breaker = await store.breaker(uow.raw)
    signals = await _signals(uow, breaker, now_s)
    is_busy = signals.requests >= terms.requests_per_day
    if is_busy and not breaker.is_open:
        breaker = breaker.opened("requests_per_day", at_s=now_s)
        await _change(uow, audit_log, breaker, "export_breaker_opened")
    state = breaker.state_at(terms, now_s)
    if state is not BreakerState.HALF_OPEN:
        return state, state is BreakerState.OPEN
    if is_busy or breaker.canary_id:
        return state, True
    await _change(uow, audit_log, breaker.trying(lease_id), "export_breaker_half_opened")
    return state, False


async def judge(uow: UnitOfWork, audit_log: Log, live: Live, page: Page, told: Report) -> None:
    """Opens or closes the breaker by what a page cost."""
    terms, now_s = limits_of(live).breaker, audit_log.now_s
    breaker = await store.breaker(uow.raw)
    if breaker.canary_id == page.lease_id:
        is_well = page.outcome is PageOutcome.DELIVERED
        if is_well and has_done_well(told.response_ms, told.memory_mb, terms):
            await _change(uow, audit_log, breaker.closed(at_s=now_s), "export_breaker_closed")
        else:
            after = breaker.opened("canary_failed", at_s=now_s)
            await _change(uow, audit_log, after, "export_breaker_opened")
    elif not breaker.is_open:
        reason = strain(await _signals(uow, breaker, now_s), terms)
        # The requests of the day are judged as a page is asked for.
        if reason and reason != "requests_per_day":
            after = breaker.opened(reason, at_s=now_s)
            await _change(uow, audit_log, after, "export_breaker_opened")


async def give_canary_up(uow: UnitOfWork, lease_id: str) -> None:
    """Lets another page be the canary when this one was and is given back."""
    breaker = await store.breaker(uow.raw)
    if breaker.canary_id == lease_id:
        await store.set_breaker(uow.raw, breaker.trying(""))


async def lose_canary(uow: UnitOfWork, audit_log: Log, page: Page) -> None:
    """Opens the breaker anew, from the moment at which a canary that nobody reported had lapsed."""
    breaker = await store.breaker(uow.raw)
    if breaker.canary_id == page.lease_id:
        after = breaker.opened("canary_lapsed", at_s=page.expires_at_s)
        await _change(uow, audit_log, after, "export_breaker_opened")


async def _signals(uow: UnitOfWork, breaker: Breaker, now_s: float) -> Signals:
    since_s = max(day_begins_s(now_s), breaker.since_s)
    return await store.signals(uow.raw, export_day(now_s), since_s=since_s)


async def _change(uow: UnitOfWork, audit_log: Log, after: Breaker, action: str) -> None:
    await store.set_breaker(uow.raw, after)
    audit_log.append(Event(action, "permissions", "", {"reason": after.reason}))
    log.warning(action, reason=after.reason)
