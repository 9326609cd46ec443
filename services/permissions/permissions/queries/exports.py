"""What is asked about exports: who may see which, how many rows are left, and whether their subject still may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accesskit.decisions import Outcome, Question
from accesskit.facts import Entity
from servicekit.errors import Unavailable

from permissions.domain.export_budgets import (
    Copied,
    copying_reason,
    export_day,
    own_rows_left,
    rows_left,
)
from permissions.domain.exports import (
    CONTINUE,
    ApprovalNeeded,
    ExportRefused,
    ExportScope,
    NoSuchExport,
)
from permissions.domain.facts import Need
from permissions.queries import rights
from permissions.store import export_pages
from permissions.store import exports as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from accesskit.policy import ExportLimits
    from servicekit.auth import Caller
    from servicekit.database import Database

    from permissions.domain.export_breaker import BreakerState
    from permissions.domain.exports import Export
    from permissions.queries.live import Live

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Prospect:
    """What an open export has to reckon with; `until_approval` is None when no approval will be needed."""

    left_today: int
    until_approval: int | None
    template: str
    page_rows: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Exports, newest first, and where the page ended; empty when it was the last."""

    exports: Sequence[Export]
    end_id: str


def limits_of(live: Live) -> ExportLimits:
    """The limits of the live policy; raises `Unavailable` while there is none."""
    if live.engine.policy is None:
        raise Unavailable("no policy is live")
    return live.engine.policy.exports


def resource_of(question: Question) -> Entity:
    """What a question is about."""
    return Entity(question.resource_type, question.resource_id)


async def known(raw: asyncpg.Connection, export_id: str) -> Export:
    """The export with this id; raises `NoSuchExport`."""
    export = await store.get(raw, export_id)
    if export is None:
        raise NoSuchExport
    return export


async def of_exporter(raw: asyncpg.Connection, export_id: str, caller_id: str) -> Export:
    """An export that the caller opened or that is their own; raises `NoSuchExport`."""
    export = await known(raw, export_id)
    if caller_id not in {export.opened_by, export.subject_id}:
        raise NoSuchExport
    return export


def check_entitled(live: Live, export: Export, *, now_s: float) -> None:
    """Judges again whether the subject may export this, by the newest state; raises `ExportRefused`.

    The approval that it was opened with was used up then; what it approved stands as long as the subject's epoch does.
    """
    question = Question(
        export.subject_id,
        export.scope.action,
        export.resource_type,
        export.resource_id,
        approval_id=export.approval_id,
        params_hash=export.params_hash,
    )
    approved = frozenset((export.approval_id,)) if export.approval_id else frozenset[str]()
    decision = live.engine.decide(question, now_s=now_s, approved=approved)
    if decision.outcome is not Outcome.ALLOW:
        raise ExportRefused(decision.reason)
    principal = live.engine.principal(export.subject_id)
    if principal is None or principal.epoch != export.epoch:
        raise ExportRefused("stale_epoch")


async def copied_lately(
    raw: asyncpg.Connection, subject_id: str, limits: ExportLimits, *, now_s: float
) -> Copied:
    """What somebody copied within the policy's hours."""
    since_s = now_s - limits.book_copy_hours * HOUR_S
    return await export_pages.copied(raw, subject_id, since_s=since_s)


def check_copying(live: Live, export: Export, copied: Copied, limits: ExportLimits) -> int | None:
    """How many rows may be copied until an approval is needed; None for any number, as after an approval.

    Raises `ApprovalNeeded` when it is needed now.
    """
    if export.is_approved:
        return None
    reason = copying_reason(copied, limits)
    rows = own_rows_left(copied, limits) if export.scope is ExportScope.OWN else None
    if reason or rows == 0:
        raise ApprovalNeeded(
            reason or "book_copied",
            template=continuing_template(live),
            action=CONTINUE,
            resource=export.entity,
        )
    return rows


def continuing_template(live: Live) -> str:
    """The approval that the live policy wants for going on; empty when it knows none."""
    template = rights.approval_for(live, Need(CONTINUE, "export", "*"))
    return template.id if template else ""


async def prospect(database: Database, live: Live, export: Export) -> Prospect:
    """What an export that was just opened has to reckon with."""
    limits, now_s = limits_of(live), live.now_s
    async with database.raw() as raw:
        spent = await export_pages.spent(raw, export.subject_id, export_day(now_s))
        copied = await copied_lately(raw, export.subject_id, limits, now_s=now_s)
    is_bounded = export.scope is ExportScope.OWN and not export.is_approved
    until = own_rows_left(copied, limits) if is_bounded else None
    return Prospect(rows_left(spent, limits)[0], until, continuing_template(live), limits.page_rows)


async def get_export(
    database: Database, live: Live, export_id: str, caller: Caller
) -> tuple[Export, BreakerState]:
    """An export, for its exporter, its subject, and whoever may read it; raises `NoSuchExport` to everybody else."""
    async with database.raw() as raw:
        export = await known(raw, export_id)
        breaker = await export_pages.breaker(raw)
    if not may(live, caller, "read", export):
        await live.catch_up()
        if not may(live, caller, "read", export):
            raise NoSuchExport
    return export, breaker.state_at(limits_of(live).breaker, live.now_s)


async def list_exports(
    database: Database, live: Live, caller: Caller, *, subject_id: str, before_id: str, limit: int
) -> Listing:
    """A page of the exports that the caller may read; it may hold fewer than there are left."""
    await live.catch_up()
    async with database.raw() as raw:
        found = await store.page(raw, subject_id=subject_id, before_id=before_id, limit=limit)
    readable = [export for export in found if may(live, caller, "read", export)]
    return Listing(readable, found[-1].export_id if len(found) == limit else "")


def may(live: Live, caller: Caller, action: str, export: Export) -> bool:
    """Whether the caller may do this to an export: it is theirs, they opened it, or the policy says so."""
    if caller.subject in {export.subject_id, export.opened_by}:
        return True
    return rights.has(caller, live, Need(action, "export", export.export_id))


async def check_cancellable(database: Database, live: Live, export_id: str, caller: Caller) -> None:
    """Returns when the caller may stop the export.

    Raises `ExportRefused` for whoever may only read it, and `NoSuchExport` to everybody else.
    """
    export, _ = await get_export(database, live, export_id, caller)
    if not may(live, caller, "cancel", export):
        await live.catch_up()
        decision = rights.decide_for(caller, live, Need("cancel", "export", export_id))
        if decision.outcome is not Outcome.ALLOW:
            raise ExportRefused(decision.reason)
