"""Stages as people see and move them."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from leadchain.engagement.v1 import stages_service_pb2 as pb
from leadchain.engagement.v1.stage_events_pb2 import MoveCause
from servicekit.errors import Invalid

from engagement.domain.money import received_minor
from engagement.domain.stages import Deal, Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engagement.domain.money import Payment
    from engagement.domain.stages import Machine, Move, Stage, Standing
    from engagement.queries.stages import Overview

_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ROLES_MAX = 20


def document(request: pb.AddDocumentRequest) -> Document:
    """A document; raises `Invalid`."""
    if _SHA256.fullmatch(request.sha256) is None:
        raise Invalid("sha256: 64 hex characters in lower case")
    roles = list(request.roles)
    if len(roles) > _ROLES_MAX or not all(_WORD.fullmatch(role) for role in roles):
        raise Invalid(f"roles: at most {_ROLES_MAX} words such as cto")
    return Document(request.kind, frozenset(roles), request.sha256)


def deal(told: pb.Deal) -> Deal:
    """What is told of a deal; raises `Invalid` for a date that is none."""
    try:
        closes_on = date.fromisoformat(told.closes_on) if told.closes_on else None
    except ValueError:
        raise Invalid("closes_on: YYYY-MM-DD") from None
    return Deal(
        amount_minor=told.amount_minor if told.HasField("amount_minor") else None,
        currency=told.currency,
        contract_no=told.contract_no.strip(),
        closes_on=closes_on,
    )


def stage(overview: Overview, machine: Machine) -> pb.GetStageResponse:
    """How far an opportunity is, and what is missing to go on."""
    standing = overview.standing
    here = machine.stage(standing.stage)
    answer = pb.GetStageResponse(
        stage=standing.stage,
        name_zh=here.zh,
        name_en=here.en,
        move_count=standing.move_count,
        actions=_actions(standing, here, machine),
        points=machine.score(standing),
        next=[_next(standing, to, machine) for to in here.to],
        deal=_told_deal(standing.deal, overview.payments),
        machine_version=machine.version,
    )
    answer.since.FromDatetime(standing.since)
    for part, amount_minor, due_at in overview.plan:
        due = answer.payment_plan.add(part=part, amount_minor=amount_minor)
        due.due_at.FromDatetime(due_at)
    return answer


def moves(made: Iterable[Move]) -> pb.ListMovesResponse:
    """Every move."""
    return pb.ListMovesResponse(moves=[_told_move(each) for each in made])


def unmatched(payments: Iterable[Payment]) -> pb.ListUnmatchedPaymentsResponse:
    """Payments that count for no deal."""
    answer = pb.ListUnmatchedPaymentsResponse()
    for payment in payments:
        told = answer.payments.add(
            payment_id=str(payment.payment_id),
            voucher_no=payment.voucher_no,
            order_no=payment.order_no,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            problem=payment.problem,
        )
        told.paid_at.FromDatetime(payment.paid_at)
    return answer


def _actions(standing: Standing, here: Stage, machine: Machine) -> list[pb.StageAction]:
    names = {**here.actions, **machine.point_names}
    return [
        pb.StageAction(
            action=action,
            name_zh=zh,
            name_en=en,
            is_done=action in standing.done,
            points=machine.points.get(action, 0),
        )
        for action, (zh, en) in names.items()
    ]


def _next(standing: Standing, to: str, machine: Machine) -> pb.NextStage:
    there = machine.stages[to]
    missing = machine.missing(standing, to)
    return pb.NextStage(stage=to, name_zh=there.zh, name_en=there.en, missing=missing)


def _told_deal(told: Deal, payments: Sequence[Payment]) -> pb.Deal:
    return pb.Deal(
        amount_minor=told.amount_minor,
        currency=told.currency,
        contract_no=told.contract_no,
        closes_on=told.closes_on.isoformat() if told.closes_on else "",
        received_minor=received_minor(payments),
    )


def _told_move(move: Move) -> pb.Move:
    told = pb.Move(
        move_no=move.move_no,
        from_stage=move.origin,
        to_stage=move.to,
        cause=MoveCause.ValueType(move.cause),
        moved_by=move.moved_by,
        evidence=move.evidence,
        machine_version=move.machine_version,
    )
    told.moved_at.FromDatetime(move.moved_at)
    return told
