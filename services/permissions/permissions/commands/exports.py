"""Exports are opened by a decision, closed by their exporter, and cancelled by whoever may, or as somebody leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
from accesskit.changes import FactPut, FactRemoved
from accesskit.decisions import Outcome, Question
from servicekit.events import new_id

from permissions.commands import approvals, recording
from permissions.commands.approvals import Use
from permissions.commands.decisions import event_of
from permissions.commands.settling import check_settled, settled
from permissions.domain.approvals import ApprovalRefused
from permissions.domain.approvers import StepUpRequired
from permissions.domain.audit import Event
from permissions.domain.decisions import STANDS, Past, Record, written_answer, written_question
from permissions.domain.export_budgets import BudgetUsedUp, check_budget, export_day
from permissions.domain.exports import (
    DAY_S,
    KEPT_DAYS,
    ApprovalNeeded,
    Export,
    ExportOver,
    ExportRefused,
    ExportStatus,
    PageOutcome,
    RequestIdTaken,
    Wanted,
    closing_status,
)
from permissions.queries import exports as queries
from permissions.queries.rights import APPROVAL_REQUIRED
from permissions.store import decisions, export_pages, facts
from permissions.store import exports as store

if TYPE_CHECKING:
    from accesskit.decisions import Circumstances, Decision
    from servicekit.database import Database, UnitOfWork
    from servicekit.errors import ServiceError

    from permissions.commands.recording import Log
    from permissions.queries.acting import Actor
    from permissions.queries.live import Live

FORGOTTEN_MAX = 500
"""Old exports whose facts go in one transaction."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An export that somebody asks for; `circumstances` are those of the subject's own session, if it is one."""

    wanted: Wanted
    filter_text: str
    actor: Actor
    approval_id: str
    circumstances: Circumstances | None = None

    @property
    def question(self) -> Question:
        """Whether the subject may, with the approval."""
        wanted = self.wanted
        return Question(
            wanted.subject_id,
            wanted.scope.action,
            wanted.resource.type,
            wanted.resource.id,
            circumstances=self.circumstances,
            approval_id=self.approval_id,
            params_hash=wanted.params_hash,
        )


async def open_export(database: Database, live: Live, opening: Opening) -> Export:
    """Opens an export; the same request again changes nothing. Refusals are recorded.

    Raises `RequestIdTaken`, `ExportRefused`, `ApprovalNeeded`, `BudgetUsedUp`, and for an approval that does not serve
    `ApprovalRefused` or `StepUpRequired`.
    """

    async def work(uow: UnitOfWork, log: Log) -> Export | ServiceError:
        known = await store.of_request(uow.raw, opening.wanted.request_id)
        if known is not None:
            return _same(known, opening)
        try:
            return await _open(uow, log, live, opening)
        except (
            ExportRefused,
            ApprovalNeeded,
            BudgetUsedUp,
            ApprovalRefused,
            StepUpRequired,
        ) as refusal:
            wanted = opening.wanted
            details = {
                "code": _code(refusal),
                "rows": wanted.row_estimate,
                "on": str(wanted.resource),
            }
            log.append(Event("export_refused", wanted.subject_id, "", details))
            return refusal

    return await settled(database, live, work)


async def close_export(database: Database, live: Live, export_id: str, *, caller_id: str) -> Export:
    """Ends an export by its exporter; twice is once. Raises `NoSuchExport` and `ExportOver`."""

    async def work(uow: UnitOfWork, log: Log) -> Export:
        export = await queries.of_exporter(uow.raw, export_id, caller_id)
        status = closing_status(export)
        if export.status is status:
            return export
        if not export.is_open:
            raise ExportOver(export.status)
        reason = "closed" if status is ExportStatus.COMPLETE else "last_page_missing"
        return await end(uow, log, export, status, reason=reason, actor=caller_id)

    return await settled(database, live, work)


async def cancel_export(database: Database, live: Live, export_id: str, *, actor: str) -> Export:
    """Stops an export; twice is once. Raises `NoSuchExport` and `ExportOver`; who may has been asked before."""

    async def work(uow: UnitOfWork, log: Log) -> Export:
        export = await queries.known(uow.raw, export_id)
        if export.status is ExportStatus.CANCELLED:
            return export
        if not export.is_open:
            raise ExportOver(export.status)
        return await end(uow, log, export, ExportStatus.CANCELLED, reason="cancelled", actor=actor)

    return await settled(database, live, work)


async def cancel_of(uow: UnitOfWork, log: Log, principal_id: str, actor: str) -> int:
    """Stops all that somebody is exporting, as they leave; returns how many exports that was."""
    running = await store.open_of(uow.raw, principal_id)
    for export in running:
        await end(uow, log, export, ExportStatus.CANCELLED, reason="offboarded", actor=actor)
    return len(running)


async def end(
    uow: UnitOfWork, log: Log, export: Export, status: ExportStatus, *, reason: str, actor: str
) -> Export:
    """Ends an open export. The rows of a page that is still being read count until it is reported."""
    held = await export_pages.held(uow.raw, export.export_id)
    if held is not None:
        await export_pages.settle(uow.raw, replace(held, outcome=PageOutcome.LAPSED))
    ended = replace(export, status=status, ended_at_s=log.now_s, end_reason=reason)
    await store.move(uow.raw, ended)
    details = {"reason": reason, "rows": ended.delivered_rows, "subject": ended.subject_id}
    log.append(Event(f"export_{status.value}", actor, str(ended.entity), details))
    return ended


async def forget_old(database: Database, *, now_s: float) -> bool:
    """Takes facts about exports of long ago back; says whether there may be more."""
    until_s = now_s - KEPT_DAYS * DAY_S
    async with database.raw() as raw:
        if not await store.to_forget(raw, until_s, limit=1):
            return False
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        old = await store.to_forget(uow.raw, until_s, limit=FORGOTTEN_MAX)
        known = await facts.of_keys(uow.raw, [export.fact.key for export in old])
        if known:
            removed = [FactRemoved(fact) for fact in known.values()]
            log.append(Event("exports_forgotten", "permissions", changes=removed))
            await facts.remove(uow.raw, list(known))
        await store.forget(uow.raw, [export.export_id for export in old])
        await log.finish()
    return len(old) == FORGOTTEN_MAX


def _same(known: Export, opening: Opening) -> Export:
    wanted = opening.wanted
    then = (known.subject_id, known.resource, known.scope, known.params_hash)
    if then != (wanted.subject_id, wanted.resource, wanted.scope, wanted.params_hash):
        raise RequestIdTaken
    return known


async def _open(uow: UnitOfWork, log: Log, live: Live, opening: Opening) -> Export:
    wanted, question = opening.wanted, opening.question
    await check_settled(uow.raw, live, question)
    needs_approval = _needs_approval(live, question)
    spent = await export_pages.spent(uow.raw, wanted.subject_id, export_day(log.now_s))
    limits = queries.limits_of(live)
    check_budget(wanted.row_estimate, spent, limits, now_s=log.now_s)
    if needs_approval:
        using = Use(question, wanted.request_id, opening.actor.caller_id, opening.actor.proof)
        await approvals.use(uow, log, live, using)
    else:
        question = msgspec.structs.replace(question, approval_id="")
    past = Past(question, log.now_s, STANDS if needs_approval else "")
    decision = live.engine.decide(past.question, now_s=past.now_s, approved=past.approved)
    export = _export(live, opening, decision, past)
    await _record(uow, log, live, past, decision, export)
    return export


def _needs_approval(live: Live, question: Question) -> bool:
    """Whether the one thing that the subject lacks is an approval. Raises `ExportRefused` and `ApprovalNeeded`."""
    unapproved = msgspec.structs.replace(question, approval_id="")
    decision = live.engine.decide(unapproved, now_s=live.now_s)
    principal = live.engine.principal(question.subject_id)
    if principal is None or principal.type != "user":
        raise ExportRefused("no_person")
    if decision.outcome is Outcome.ALLOW:
        return False
    if decision.reason != APPROVAL_REQUIRED:
        raise ExportRefused(decision.reason)
    if not question.approval_id:
        raise ApprovalNeeded(
            decision.reason,
            template=decision.approval,
            action=question.action,
            resource=queries.resource_of(question),
        )
    return True


def _export(live: Live, opening: Opening, decision: Decision, past: Past) -> Export:
    wanted = opening.wanted
    principal = live.engine.principal(wanted.subject_id)
    return Export(
        export_id=new_id(),
        request_id=wanted.request_id,
        subject_id=wanted.subject_id,
        epoch=principal.epoch if principal else 0,
        opened_by=opening.actor.caller_id,
        resource_type=wanted.resource.type,
        resource_id=wanted.resource.id,
        scope=wanted.scope,
        filter_hash=wanted.filter_hash,
        filter_text=opening.filter_text,
        params_hash=wanted.params_hash,
        fields=wanted.fields,
        masked_fields=_masked(decision, wanted.fields),
        row_estimate=wanted.row_estimate,
        approval_id=past.question.approval_id,
        continued_by="",
        decision_id=new_id(),
        opened_at_s=past.now_s,
    )


def _masked(decision: Decision, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the fields that the decision obliges to mask."""
    duties = [duty for duty in decision.obligations if duty.kind == "mask"]
    masked = {name for duty in duties for name in duty.details["fields"].split(",")}
    return tuple(sorted(masked.intersection(fields)))


async def _record(
    uow: UnitOfWork, log: Log, live: Live, past: Past, decision: Decision, export: Export
) -> None:
    record = _decision_record(live, past, decision, export)
    await decisions.save(uow.raw, [(record, log.append(event_of(record)))])
    fact = msgspec.structs.replace(export.fact, seq=log.next_seq)
    details = {
        "approval_id": export.approval_id,
        "decision_id": export.decision_id,
        "fields": sorted(export.fields),
        "filter_hash": export.filter_hash,
        "masked_fields": export.masked_fields,
        "on": str(export.resource),
        "opened_by": export.opened_by,
        "rows": export.row_estimate,
        "scope": export.scope.value,
    }
    log.append(
        Event("export_opened", export.subject_id, str(export.entity), details, [FactPut(fact)])
    )
    await facts.put(uow.raw, [fact])
    await store.add(uow.raw, export)


def _decision_record(live: Live, past: Past, decision: Decision, export: Export) -> Record:
    engine, question = live.engine, past.question
    return Record(
        decision_id=export.decision_id,
        asked_by=export.opened_by,
        subject_id=export.subject_id,
        resource=f"{question.resource_type}:{question.resource_id}",
        action=question.action,
        outcome=decision.outcome,
        reason=decision.reason,
        question=written_question(past, ()),
        answer=written_answer(decision, policy_version=engine.policy_version),
        revision=engine.revision,
        policy_version=engine.policy_version,
        decided_at_s=past.now_s,
    )


def _code(refusal: ServiceError) -> str:
    """The refusal's code, without what it says of numbers."""
    return str(refusal).partition(":")[0]
