"""Settlements as they are stated and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.reporting.v1 import settlement_events_pb2 as events_pb
from leadchain.reporting.v1 import settlements_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reporting.domain.settlements import Proposal, Settled, SettledRate, Settlement


def settled(
    settlement: Settlement, rates: Iterable[SettledRate], *, corrects: Settlement | None
) -> events_pb.FollowUpRateSettled:
    """The fact that a month is settled, or corrected."""
    return events_pb.FollowUpRateSettled(
        period=str(settlement.month),
        settlement_no=settlement.settlement_no,
        revision=settlement.revision,
        corrects_settlement_no=corrects.settlement_no if corrects is not None else 0,
        definition_version=settlement.definition_version,
        time_zone=settlement.time_zone,
        settled_by=settlement.settled_by,
        approval_id=settlement.approval_id,
        lines=_lines(rates),
        statement=settlement.statement,
        sha256=settlement.sha256.hex(),
    )


def settle_response(done: Settled) -> pb.SettleFollowUpRatesResponse:
    """What was closed."""
    return pb.SettleFollowUpRatesResponse(
        settlement=_settlement(done.settlement),
        lines=_lines(done.lines),
        is_repeated=done.is_repeated,
    )


def preview_response(proposal: Proposal) -> pb.PreviewSettlementResponse:
    """What would be closed."""
    return pb.PreviewSettlementResponse(
        lines=_lines(proposal.lines),
        revision=0 if proposal.is_unchanged else proposal.revision,
        running_count=proposal.running,
    )


def list_response(settlements: Iterable[Settlement]) -> pb.ListSettlementsResponse:
    """Statements without their lines."""
    return pb.ListSettlementsResponse(settlements=[_settlement(each) for each in settlements])


def get_response(found: Settled) -> pb.GetSettlementResponse:
    """One statement with its lines."""
    return pb.GetSettlementResponse(
        settlement=_settlement(found.settlement),
        lines=_lines(found.lines),
        statement=found.settlement.statement,
    )


def _settlement(settlement: Settlement) -> pb.Settlement:
    message = pb.Settlement(
        settlement_no=settlement.settlement_no,
        period=str(settlement.month),
        revision=settlement.revision,
        settled_by=settlement.settled_by,
        approval_id=settlement.approval_id,
        definition_version=settlement.definition_version,
        time_zone=settlement.time_zone,
        sha256=settlement.sha256.hex(),
    )
    message.settled_at.FromDatetime(settlement.settled_at)
    return message


def _lines(rates: Iterable[SettledRate]) -> list[events_pb.SettledRate]:
    return [
        events_pb.SettledRate(
            rep_id=rate.rep_id,
            given_count=rate.given,
            excluded_count=rate.excluded,
            due_count=rate.due,
            within_72h_count=rate.within_72h,
            rate_72h=rate.rate_72h,
            due_difference=rate.due_difference,
            within_72h_difference=rate.within_72h_difference,
        )
        for rate in rates
    ]
