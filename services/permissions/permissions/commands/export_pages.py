"""Pages of exports: rows are reserved before they are read and booked as they were delivered; the breaker watches.

Everything that reserves or books holds the end of the log, so that exporters in any number of processes follow one
another and no budget is overdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accesskit.decisions import Question
from servicekit.events import new_id

from permissions.commands import approvals, exports, recording
from permissions.commands import export_breaker as breakers
from permissions.commands.approvals import Use
from permissions.commands.settling import check_settled, settled
from permissions.domain.approvals import ApprovalRefused
from permissions.domain.approvers import SecondFactor, StepUpRequired
from permissions.domain.audit import Event
from permissions.domain.export_budgets import BudgetUsedUp, check_budget, export_day, rows_left
from permissions.domain.exports import (
    CONTINUE,
    ApprovalNeeded,
    BadExport,
    CursorMoved,
    EstimateReached,
    ExportOver,
    ExportRefused,
    ExportScope,
    ExportStatus,
    LastPageDelivered,
    NoSuchPage,
    Page,
    PageHeld,
    PageOutcome,
    PageOver,
    PageOverrun,
    PageReported,
    PageTooLarge,
)
from permissions.queries import exports as queries
from permissions.store import export_pages as store
from permissions.store import exports as export_store
from permissions.store import leases

if TYPE_CHECKING:
    from servicekit.database import Database, UnitOfWork
    from servicekit.errors import ServiceError

    from permissions.commands.recording import Log
    from permissions.domain.export_breaker import BreakerState
    from permissions.domain.exports import Export, Report
    from permissions.queries.acting import Actor
    from permissions.queries.live import Live

LAPSED_MAX = 500
COPIES_FORGOTTEN_MAX = 5000
REFUSALS = (
    ApprovalNeeded,
    ApprovalRefused,
    BudgetUsedUp,
    EstimateReached,
    ExportRefused,
    PageTooLarge,
    StepUpRequired,
)


@dataclass(frozen=True, slots=True)
class PageWanted:
    """A page that an exporter asks for; `rows` 0 is as many as there may be."""

    export_id: str
    cursor: str
    rows: int
    actor: Actor
    approval_id: str = ""


@dataclass(frozen=True, slots=True)
class Acquired:
    """A page that may be read, its export, and the state of the breaker."""

    page: Page
    export: Export
    breaker: BreakerState


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a page, and its export after it."""

    outcome: PageOutcome
    export: Export
    was_late: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """A page with its export, and who reads it."""

    page: Page
    export: Export
    caller_id: str


async def acquire(database: Database, live: Live, wanted: PageWanted) -> Acquired:
    """Reserves rows for a page; the same page again, while it is held, changes nothing. Refusals are recorded.

    Raises `NoSuchExport`, `ExportOver`, `PageHeld`, `CursorMoved`, and any of `REFUSALS`.
    """

    async def work(uow: UnitOfWork, log: Log) -> Acquired | ServiceError:
        export = await queries.of_exporter(uow.raw, wanted.export_id, wanted.actor.caller_id)
        try:
            return await _acquire(uow, log, live, wanted, export)
        except REFUSALS as refusal:
            details = {"code": str(refusal).partition(":")[0], "subject": export.subject_id}
            resource = str(export.entity)
            log.append(Event("export_page_refused", wanted.actor.caller_id, resource, details))
            return refusal

    return await settled(database, live, work)


async def report(
    database: Database, live: Live, lease_id: str, told: Report, *, caller_id: str
) -> Reported:
    """Books what was really delivered, late or in time; the same report again changes nothing.

    Raises `NoSuchPage`, `PageReported`, and `PageOverrun` when more was delivered than reserved, which is booked too.
    """

    async def work(uow: UnitOfWork, log: Log) -> Reported | ServiceError:
        reading = await _reading(uow, lease_id, caller_id)
        page = reading.page
        if page.outcome.is_reported:
            if page.report_hash != told.digest:
                raise PageReported
            return Reported(page.outcome, reading.export, was_late=False)
        _check_resources(live, reading.export, told)
        after = await _book(uow, log, live, reading, told)
        if told.rows > page.reserved_rows:
            return PageOverrun(page.reserved_rows)
        return Reported(told.outcome, after, was_late=not page.is_held_at(log.now_s))

    return await settled(database, live, work)


async def heartbeat(database: Database, live: Live, lease_id: str, *, caller_id: str) -> float:
    """Keeps a page for another while; returns until when (Unix seconds).

    Raises `NoSuchPage`, and `PageOver` once it lapsed or its export was stopped.
    """
    now_s = live.now_s
    until_s = now_s + queries.limits_of(live).lease_s
    async with database.unit_of_work() as uow:
        await _reading(uow, lease_id, caller_id)
        if not await store.keep(uow.raw, lease_id, until_s=until_s, now_s=now_s):
            raise PageOver
    return until_s


async def release(database: Database, live: Live, lease_id: str, *, caller_id: str) -> None:
    """Takes a page back of which nothing was read; twice is once. Raises `NoSuchPage` and `PageOver`."""

    async def work(uow: UnitOfWork, log: Log) -> None:
        reading = await _reading(uow, lease_id, caller_id)
        page = reading.page
        if page.outcome is PageOutcome.RELEASED:
            return
        if not page.is_held_at(log.now_s):
            raise PageOver
        released = replace(page, outcome=PageOutcome.RELEASED, charged_rows=0)
        await store.settle(uow.raw, released)
        await breakers.give_canary_up(uow, lease_id)
        _note(log, "export_page_released", caller_id, released)

    await settled(database, live, work)


async def lapse(database: Database, live: Live) -> bool:
    """Frees pages whose exporters are gone, and forgets copies of long ago; says whether there may be more."""
    policy = live.engine.policy
    if policy is None:
        return False
    now_s = live.now_s
    forget_until_s = now_s - policy.exports.book_copy_hours * queries.HOUR_S
    async with database.raw() as raw:
        is_any_due = bool(await store.due(raw, now_s, limit=1))
    if is_any_due:
        async with database.unit_of_work() as uow:
            log = await recording.begin(uow)
            is_any_due = await _lapse(uow, log) == LAPSED_MAX
            await log.finish()
    async with database.unit_of_work() as uow:
        forgotten = await store.forget_copies(uow.raw, forget_until_s, limit=COPIES_FORGOTTEN_MAX)
    has_old = await exports.forget_old(database, now_s=now_s)
    return is_any_due or has_old or forgotten == COPIES_FORGOTTEN_MAX


async def _acquire(
    uow: UnitOfWork, log: Log, live: Live, wanted: PageWanted, export: Export
) -> Acquired:
    await _lapse(uow, log)
    limits = queries.limits_of(live)
    await _check_going_on(uow, log, live, export, wanted)
    held = await store.held(uow.raw, export.export_id)
    if held is not None:
        return await _same(uow, log, live, held, export, wanted)
    export, rows = await _allowed_rows(uow, log, live, wanted, export)
    lease_id = new_id()
    state, is_degraded = await breakers.pass_page(uow, log, live, lease_id)
    if is_degraded:
        rows = min(rows, limits.breaker.degraded_rows)
    page = Page(
        lease_id=lease_id,
        export_id=export.export_id,
        subject_id=export.subject_id,
        cursor=wanted.cursor,
        reserved_rows=rows,
        charged_rows=rows,
        day=export_day(log.now_s),
        acquired_at_s=log.now_s,
        expires_at_s=log.now_s + limits.lease_s,
        is_degraded=is_degraded,
    )
    await store.add(uow.raw, page)
    _note(log, "export_page_acquired", wanted.actor.caller_id, page)
    return Acquired(page, export, state)


async def _check_going_on(
    uow: UnitOfWork, log: Log, live: Live, export: Export, wanted: PageWanted
) -> None:
    """Raises unless the export takes pages, its subject still may, and the page begins where it stands."""
    if not export.is_open:
        raise ExportOver(export.status)
    question = Question(
        export.subject_id, export.scope.action, export.resource_type, export.resource_id
    )
    await check_settled(uow.raw, live, question)
    queries.check_entitled(live, export, now_s=log.now_s)
    if export.has_last_page:
        raise LastPageDelivered
    if wanted.cursor != export.next_cursor:
        raise CursorMoved


async def _same(
    uow: UnitOfWork, log: Log, live: Live, held: Page, export: Export, wanted: PageWanted
) -> Acquired:
    """The page that is held, for whoever asks for it again."""
    if held.cursor != wanted.cursor or (wanted.rows and wanted.rows < held.reserved_rows):
        raise PageHeld
    breaker = await store.breaker(uow.raw)
    terms = queries.limits_of(live).breaker
    return Acquired(held, export, breaker.state_at(terms, log.now_s))


async def _allowed_rows(
    uow: UnitOfWork, log: Log, live: Live, wanted: PageWanted, export: Export
) -> tuple[Export, int]:
    """How many rows the page may have, and the export, which an approval may let go on."""
    limits = queries.limits_of(live)
    if wanted.rows > limits.page_rows:
        raise PageTooLarge(limits.page_rows)
    left_of_export = export.row_estimate - export.delivered_rows
    if left_of_export <= 0:
        raise EstimateReached(export.row_estimate)
    spent = await store.spent(uow.raw, export.subject_id, export_day(log.now_s))
    check_budget(1, spent, limits, now_s=log.now_s)
    rows = min(wanted.rows or limits.page_rows, left_of_export, rows_left(spent, limits)[0])
    if wanted.approval_id and not export.is_approved:
        export = await _continued(uow, log, live, wanted, export)
    copied = await queries.copied_lately(uow.raw, export.subject_id, limits, now_s=log.now_s)
    until_approval = queries.check_copying(live, export, copied, limits)
    return export, rows if until_approval is None else min(rows, until_approval)


async def _continued(
    uow: UnitOfWork, log: Log, live: Live, wanted: PageWanted, export: Export
) -> Export:
    """Uses the approval up that lets the export go on; only its subject's own second factor serves."""
    question = Question(
        export.subject_id, CONTINUE, "export", export.export_id, approval_id=wanted.approval_id
    )
    actor = wanted.actor
    proof = actor.proof if actor.person_id == export.subject_id else SecondFactor()
    await approvals.use(uow, log, live, Use(question, export.export_id, actor.caller_id, proof))
    continued = replace(export, continued_by=wanted.approval_id)
    await export_store.move(uow.raw, continued)
    details = {"approval_id": wanted.approval_id, "subject": export.subject_id}
    log.append(Event("export_continued", actor.caller_id, str(export.entity), details))
    return continued


async def _reading(uow: UnitOfWork, lease_id: str, caller_id: str) -> _Reading:
    page = await store.get(uow.raw, lease_id)
    if page is None:
        raise NoSuchPage
    export = await queries.known(uow.raw, page.export_id)
    if caller_id not in {export.opened_by, export.subject_id}:
        raise NoSuchPage
    return _Reading(page, export, caller_id)


def _check_resources(live: Live, export: Export, told: Report) -> None:
    """Raises `BadExport` for rows of what people own that do not say what they are about.

    In an export of one's own each row is one resource, so that no copied one goes uncounted.
    """
    policy = live.engine.policy
    leased = policy.lease.on if policy else frozenset()
    needed = told.rows if export.scope is ExportScope.OWN else min(1, told.rows)
    if export.resource_type in leased and len(told.resources) < needed:
        raise BadExport("resources")


async def _book(uow: UnitOfWork, log: Log, live: Live, reading: _Reading, told: Report) -> Export:
    page, export = reading.page, reading.export
    is_overrun = told.rows > page.reserved_rows
    outcome = PageOutcome.FAILED if is_overrun else told.outcome
    booked = replace(page, outcome=outcome, charged_rows=told.rows, report_hash=told.digest)
    await store.settle(
        uow.raw,
        booked,
        reported_at_s=log.now_s,
        response_ms=told.response_ms,
        memory_mb=told.memory_mb,
    )
    await _note_copies(uow, export, told, now_s=log.now_s)
    _note(log, f"export_page_{outcome.value}", reading.caller_id, booked)
    await breakers.judge(uow, log, live, booked, told)
    if is_overrun and export.is_open:
        return await exports.end(
            uow,
            log,
            export,
            ExportStatus.CANCELLED,
            reason="page_overrun",
            actor=reading.caller_id,
        )
    return await _advanced(uow, page, export, told)


async def _note_copies(uow: UnitOfWork, export: Export, told: Report, *, now_s: float) -> None:
    """Notes whose resources the rows are about, by the leases on record and not by what the exporter says."""
    if not told.resources:
        return
    owned = await leases.of_resources(uow.raw, set(told.resources))
    owners = {
        resource: owned[resource].put.owner_id if resource in owned else ""
        for resource in told.resources
    }
    await store.copy(uow.raw, export.subject_id, owners, now_s=now_s)


async def _advanced(uow: UnitOfWork, page: Page, export: Export, told: Report) -> Export:
    """The export after a delivered page; one that is told late moves it only if nobody read that page since."""
    is_next = export.is_open and page.cursor == export.next_cursor and not export.has_last_page
    if told.outcome is not PageOutcome.DELIVERED or not is_next:
        return export
    advanced = replace(
        export,
        delivered_rows=export.delivered_rows + told.rows,
        next_cursor=told.next_cursor,
        has_last_page=not told.next_cursor,
    )
    await export_store.move(uow.raw, advanced)
    return advanced


async def _lapse(uow: UnitOfWork, log: Log) -> int:
    """Frees pages whose time is over; their rows count until somebody reports them after all."""
    due = await store.due(uow.raw, log.now_s, limit=LAPSED_MAX)
    for page in due:
        await store.settle(uow.raw, replace(page, outcome=PageOutcome.LAPSED))
        await breakers.lose_canary(uow, log, page)
        details = {"page": page.lease_id, "rows": page.charged_rows, "subject": page.subject_id}
        resource = f"export:{page.export_id}"
        log.append(Event("export_page_lapsed", "permissions", resource, details))
    return len(due)


def _note(log: Log, action: str, actor: str, page: Page) -> None:
    details = {
        "page": page.lease_id,
        "rows": page.charged_rows,
        "subject": page.subject_id,
        "day": page.day.isoformat(),
    }
    log.append(Event(action, actor, f"export:{page.export_id}", details))
